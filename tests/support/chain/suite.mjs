// Tests of one file: check(name, body) runs and reports; the file's exit status follows.
const started = [];

export async function check(name, body) {
  started.push(name);
  try {
    await body();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`not ok ${name}`);
    // viem's messages repeat the whole calldata: the head says what went wrong
    console.log(String(error.shortMessage ?? error.stack ?? error).slice(0, 3000).replace(/^/gm, '    '));
    process.exitCode = 1;
  }
}

process.on('exit', () => {
  if (started.length === 0) {
    console.log('not ok no test ran');
    process.exitCode = 1;
  }
});
