'use strict'

// The native part under sanitizers, in a directory of its own: its tests and random input against the core, and those tests of
// the library that use maps, flushes, workers and faults with an instrumented addon. Needs `npm run build:test`, and g++.
//
//   node .ci/sanitize.js          about a minute and a half
//   node .ci/sanitize.js --full   more of the suite, longer random input with clang's libFuzzer, and valgrind

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const checkout = path.join(__dirname, '..')
const isFull = process.argv.includes('--full')

const briefTests = ['storage/backend', 'native/guard', 'store/cut-files', 'store/ending', 'store/closing', 'store/lifecycle']
const fullTests = [...briefTests, 'flush/durability', 'read/read', 'recovery/rows', 'recovery/bad-pages', 'commit-log/segments', 'index-file/index-file']

/** What a sanitizer takes for a fault and is none. */
const suppressions = {
  address: ['leak:node::', 'leak:v8::'],
  // The kernel puts a page in the place of another at once, which looks like a store that takes its time.
  thread: ['race:map_zeros'],
}

function makeWorkplace() {
  const place = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mqstore-sanitize-')))
  process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }))
  for (const name of ['node_modules', 'lib', 'docs', 'test']) fs.symlinkSync(path.join(checkout, name), path.join(place, name))
  fs.copyFileSync(path.join(checkout, 'package.json'), path.join(place, 'package.json'))
  for (const name of ['native/build.js', 'native/core', 'native/napi', 'build']) {
    fs.cpSync(path.join(checkout, name), path.join(place, name), { recursive: true })
  }
  return place
}

const place = makeWorkplace()
const failures = []

/** Runs a step; its output is shown where it fails. */
function step(title, command, commandArguments, environment = {}) {
  const began = performance.now()
  const run = spawnSync(command, commandArguments, { cwd: place, encoding: 'utf8', env: { ...process.env, ...environment }, timeout: 600_000 })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`${run.status === 0 ? 'ok' : 'FAILED'}  ${title} (${seconds} s)`)
  if (run.status === 0) return
  failures.push(title)
  console.log(`${run.stdout ?? ''}${run.stderr ?? ''}`.slice(-20_000))
}

function optionsFor(sanitizer) {
  const file = path.join(place, `${sanitizer}.suppressions`)
  fs.writeFileSync(file, `${suppressions[sanitizer].join('\n')}\n`)
  const common = 'exitcode=23:halt_on_error=1'
  if (sanitizer === 'thread') {
    // Node itself is not instrumented: what it does is not for us to judge, nor could that be done.
    return { TSAN_OPTIONS: `${common}:handle_sigbus=0:ignore_noninstrumented_modules=1:suppressions=${file}` }
  }
  return {
    // Its own handler of the signal would report what the tests of ours expect to be passed on.
    ASAN_OPTIONS: `${common}:detect_leaks=1:handle_sigbus=0`,
    LSAN_OPTIONS: `suppressions=${file}:print_suppressions=0`,
    UBSAN_OPTIONS: `${common}:print_stacktrace=1`,
  }
}

function isThere(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0
}

/** Puts an instrumented addon where the library looks for it. @returns the environment in which Node can load it */
function installAddon(sanitizer, kinds) {
  step(`addon with ${kinds}`, process.execPath, ['native/build.js', `--sanitize=${kinds}`])
  const built = path.join(place, 'native', 'build', `mqstore-${kinds.replaceAll(',', '-')}.node`)
  if (fs.existsSync(built)) fs.renameSync(built, path.join(place, 'native', 'build', 'mqstore.node'))
  const runtime = spawnSync('g++', [`-print-file-name=lib${sanitizer === 'thread' ? 't' : 'a'}san.so`], { encoding: 'utf8' }).stdout.trim()
  return { ...optionsFor(sanitizer), LD_PRELOAD: runtime, MQSTORE_BACKEND: 'native' }
}

function runTests(names, title, environment, nodeArguments = [], command = process.execPath) {
  for (const name of names) {
    const node = command === process.execPath ? [] : [process.execPath]
    const given = [...commandArguments(command), ...node, ...nodeArguments, `build/test/${name}.test.js`]
    step(`${name} ${title}`, command, given, { ...environment, TAP_TIMEOUT: '500' })
  }
}

function commandArguments(command) {
  // V8 looks at stack that nobody has written to, on purpose.
  return command === 'valgrind' ? ['-q', '--error-exitcode=24', '--trace-children=no', '--undef-value-errors=no'] : []
}

process.env.CXX = 'g++'
const memory = 'address,undefined'
step(`core with ${memory}`, process.execPath, ['native/build.js', '--test', `--sanitize=${memory}`], optionsFor('address'))
step('core with thread', process.execPath, ['native/build.js', '--test', '--sanitize=thread'], optionsFor('thread'))
step('core on random input', process.execPath, ['native/build.js', '--fuzz=5000', `--sanitize=${memory}`], optionsFor('address'))
runTests(isFull ? fullTests : briefTests, `with ${memory}`, installAddon('address', memory))
runTests(['storage/backend', 'native/guard'], 'with thread', installAddon('thread', 'thread'))
if (isFull) {
  const clang = ['clang++', 'clang++-14'].find(isThere)
  if (clang === undefined) console.log('skipped: libFuzzer needs clang++')
  else step('core under libFuzzer', process.execPath, ['native/build.js', '--fuzz=200000', `--sanitize=fuzzer,${memory}`], { CXX: clang })
  if (!isThere('valgrind')) console.log('skipped: valgrind is not there')
  else {
    step('plain addon', process.execPath, ['native/build.js'])
    // None with faults: valgrind puts maps where the kernel would not, and takes the pages that replace theirs for no memory.
    runTests(['store/lifecycle', 'flush/durability'], 'under valgrind', { MQSTORE_BACKEND: 'native' }, ['--jitless'], 'valgrind')
  }
}

console.log(failures.length === 0 ? 'sanitizers: nothing found' : `sanitizers: ${failures.length} steps failed`)
process.exitCode = failures.length === 0 ? 0 : 1
