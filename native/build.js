'use strict'

// Compiles the native backend into native/build/mqstore.node with nothing but a C++ compiler: Node-API's
// headers come from npm, so that neither node-gyp nor a download of Node's own headers is needed.
//
//   node native/build.js               compile; exit code 1 where that fails
//   node native/build.js --if-needed   what npm runs on install: only where there is no binary yet, never fails
//   node native/build.js --test        compile and run the tests of native/core
//   node native/build.js --fuzz=1000   compile native/core and run it on so many random inputs
//   --sanitize=address,undefined       with any: instrumented, under a name of its own; `fuzzer` among them makes
//                                      --fuzz libFuzzer's, for so many runs (CXX=clang++)

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const buildDirectory = path.join(__dirname, 'build')
const prebuiltBinary = path.join(__dirname, 'prebuilt', `${process.platform}-${process.arch}`, 'mqstore.node')

class BuildFailure extends Error {}

/** @returns the files of native/core or native/napi whose name ends so */
function filesOf(room, ending) {
  const directory = path.join(__dirname, room)
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => path.join(directory, name))
}

function coreSources() {
  return filesOf('core', '.cc').filter((file) => !/_(test|fuzz)\.cc$/.test(file))
}

function everythingThatShapesTheBinary() {
  return [...coreSources(), ...filesOf('core', '.h'), ...filesOf('napi', '.cc'), ...filesOf('napi', '.h'), __filename]
}

function loads(binary) {
  try {
    require(binary)
    return true
  } catch {
    return false
  }
}

function isUpToDate(binary) {
  if (!fs.existsSync(binary)) return false
  const builtAt = fs.statSync(binary).mtimeMs
  return everythingThatShapesTheBinary().every((file) => fs.statSync(file).mtimeMs <= builtAt) && loads(binary)
}

/** @returns command and leading arguments (CXX may be "ccache g++") */
function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++']
  for (const candidate of candidates) {
    const [command, ...leading] = candidate.trim().split(/\s+/)
    if (spawnSync(command, [...leading, '--version'], { stdio: 'ignore' }).status === 0) return [command, ...leading]
  }
  throw new BuildFailure(`no C++ compiler found (tried ${candidates.join(', ')})`)
}

function headersDirectory() {
  try {
    return path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include')
  } catch {
    throw new BuildFailure('the npm package node-api-headers is not installed')
  }
}

function compile(output, compilerArguments) {
  const [command, ...leading] = findCompiler()
  fs.mkdirSync(buildDirectory, { recursive: true })
  // A process that has the old binary mapped must keep it whole: compile beside it, then put it in place.
  const unfinished = `${output}.${process.pid}`
  const run = spawnSync(command, [...leading, ...compilerArguments, '-o', unfinished], { encoding: 'utf8' })
  if (run.status !== 0) {
    fs.rmSync(unfinished, { force: true })
    throw new BuildFailure(`${command} failed\n${run.stderr || run.error || ''}`.trim())
  }
  process.stderr.write(run.stderr)
  fs.renameSync(unfinished, output)
}

function sanitizerFlags(sanitizers) {
  return sanitizers ? [`-fsanitize=${sanitizers}`, '-fno-omit-frame-pointer', '-g'] : []
}

function isLibFuzzer(sanitizers) {
  return sanitizers?.split(',').includes('fuzzer') ?? false
}

/** Keeps instrumented binaries apart from the one that the library loads. */
function outputName(name, sanitizers, extension = '') {
  const suffix = sanitizers ? `-${sanitizers.replaceAll(',', '-')}` : ''
  return path.join(buildDirectory, name + suffix + extension)
}

function buildAddon(sanitizers) {
  const output = outputName('mqstore', sanitizers, '.node')
  compile(output, [
    ...['-O2', '-std=c++17', '-fPIC', '-shared', '-Wall', '-Wextra', '-fvisibility=hidden', '-DNAPI_VERSION=8'],
    ...sanitizerFlags(sanitizers),
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
    // The end of a worker unloads what it has loaded; the process still calls the fault handler.
    ...(process.platform === 'linux' ? ['-Wl,-z,nodelete'] : []),
    ...['-I', headersDirectory()],
    ...coreSources(),
    ...filesOf('napi', '.cc'),
  ])
  console.log(`mqstore: built ${path.relative(process.cwd(), output)}`)
}

/** Compiles the core with the program that has this name, and runs it. */
function runCore(name, sanitizers, programArguments = []) {
  const output = outputName(name, sanitizers)
  compile(output, [
    ...['-O2', '-std=c++17', '-pthread', '-Wall', '-Wextra'],
    ...sanitizerFlags(sanitizers),
    ...(isLibFuzzer(sanitizers) ? ['-DMQSTORE_LIBFUZZER'] : []),
    ...coreSources(),
    path.join(__dirname, 'core', `${name}.cc`),
  ])
  const run = spawnSync(output, programArguments, { stdio: 'inherit' })
  if (run.status !== 0) throw new BuildFailure(`${name} of native/core failed (${run.signal ?? run.status})`)
}

function installNote(failure) {
  const [summary] = failure.message.split('\n')
  return [
    `mqstore: the native backend was not built: ${summary}.`,
    '  The store will run on the package mmap-io instead, where that is installed.',
    '  For the native backend install a C++17 compiler (Debian: apt install g++, Alpine: apk add g++,',
    '  macOS: xcode-select --install), then run: npm rebuild mqstore',
  ].join('\n')
}

function main(options) {
  const onlyIfNeeded = options.includes('--if-needed')
  const valueOf = (name) => options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1)
  const sanitizers = valueOf('--sanitize')
  const rounds = valueOf('--fuzz')
  if (process.platform === 'win32') {
    console.log('mqstore: there is no native backend for Windows; the store runs on the package mmap-io.')
    return 0
  }
  if (onlyIfNeeded && (isUpToDate(outputName('mqstore', undefined, '.node')) || loads(prebuiltBinary))) return 0
  try {
    if (options.includes('--test')) runCore('core_test', sanitizers)
    else if (rounds !== undefined) runCore('core_fuzz', sanitizers, [isLibFuzzer(sanitizers) ? `-runs=${rounds}` : rounds])
    else buildAddon(sanitizers)
    return 0
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error
    console.error(onlyIfNeeded ? installNote(error) : `mqstore: ${error.message}`)
    return onlyIfNeeded ? 0 : 1
  }
}

process.exitCode = main(process.argv.slice(2))
