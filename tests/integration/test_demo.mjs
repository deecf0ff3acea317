// The main job with fewer messages, on the sanitized build: what ./dev demo runs.
import { spawnSync } from 'node:child_process';

const done = spawnSync(process.execPath, ['examples/demo/demo.mjs', '--build', process.env.PP_BUILD, '--messages', '800'], { encoding: 'utf8' });
const name = 'demo__eight_hundred_messages__all_sums_agree_with_the_chain';
if (done.status === 0 && done.stdout.trimEnd().endsWith('\ndemo: ok')) {
  console.log(`ok ${name}`);
} else {
  console.log(`${done.stdout}${done.stderr}\nnot ok ${name}`);
  process.exit(1);
}
