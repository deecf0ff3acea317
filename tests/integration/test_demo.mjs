// What ./dev demo runs, on the sanitized build: the main job with fewer messages, the hostile story, and several operators with fewer of everything.
import { spawnSync } from 'node:child_process';

const demos = {
  demo__eight_hundred_messages__all_sums_agree_with_the_chain: ['--messages', '800'],
  demo__hostile__every_attempt_fails_and_all_sums_agree: ['--hostile'],
  demo__three_operators__all_sums_agree_with_the_chain: ['--operators', '3', '--senders', '6', '--envelopes', '300'],
};
for (const [name, options] of Object.entries(demos)) {
  const done = spawnSync(process.execPath, ['examples/demo/demo.mjs', '--build', process.env.PP_BUILD, ...options], { encoding: 'utf8' });
  if (done.status === 0 && done.stdout.trimEnd().endsWith('\ndemo: ok')) {
    console.log(`ok ${name}`);
  } else {
    console.log(`${done.stdout}${done.stderr}\nnot ok ${name}`);
    process.exitCode = 1;
  }
}
