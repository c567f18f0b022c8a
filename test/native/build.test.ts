import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import t from 'tap'

/** The package directory, wherever this file was compiled to. */
function packageDirectory(): string {
  let directory = __dirname
  while (!fs.existsSync(path.join(directory, 'native', 'build.js'))) directory = path.dirname(directory)
  return directory
}

/** A copy of the package's native part, so that builds here leave the one in use alone. */
function copyNativePart(): string {
  const copy = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'mqstore-native-')))
  t.teardown(() => fs.rmSync(copy, { recursive: true, force: true }))
  const original = packageDirectory()
  for (const name of ['build.js', 'core', 'napi']) {
    fs.cpSync(path.join(original, 'native', name), path.join(copy, 'native', name), { recursive: true })
  }
  fs.symlinkSync(path.join(original, 'node_modules'), path.join(copy, 'node_modules'))
  return copy
}

function build(directory: string, buildArguments: string[], environment: NodeJS.ProcessEnv = {}) {
  const run = spawnSync(process.execPath, [path.join(directory, 'native', 'build.js'), ...buildArguments], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  return { status: run.status, output: run.stdout + run.stderr }
}

const skip = process.platform === 'win32' ? 'no native backend here' : false

t.test('without a compiler an install goes on, with a note; a build fails', { skip }, async (t) => {
  const directory = copyNativePart()
  const noCompiler = { CXX: '/nonexistent/c++' }
  const install = build(directory, ['--if-needed'], noCompiler)
  t.equal(install.status, 0)
  t.match(install.output, /native backend was not built.*\/nonexistent\/c\+\+/)
  t.match(install.output, /mmap-io/)
  t.equal(build(directory, [], noCompiler).status, 1)
})

t.test('a compilation that fails is one note on install, the whole story in a build', { skip }, async (t) => {
  const directory = copyNativePart()
  fs.appendFileSync(path.join(directory, 'native', 'core', 'reserve.cc'), '\n#error broken on purpose\n')
  const install = build(directory, ['--if-needed'])
  t.equal(install.status, 0)
  t.notMatch(install.output, /broken on purpose/)
  const explicit = build(directory, [])
  t.equal(explicit.status, 1)
  t.match(explicit.output, /broken on purpose/)
})

t.test('an install builds once', { skip }, async (t) => {
  const directory = copyNativePart()
  const binary = path.join(directory, 'native', 'build', 'mqstore.node')
  t.match(build(directory, ['--if-needed']), { status: 0 })
  const built = fs.statSync(binary)
  t.match(build(directory, ['--if-needed'], { CXX: '/nonexistent/c++' }), { status: 0, output: '' })
  t.equal(fs.statSync(binary).mtimeMs, built.mtimeMs)

  fs.mkdirSync(path.join(directory, 'native', 'prebuilt'))
  const prebuilt = path.join(directory, 'native', 'prebuilt', `${process.platform}-${process.arch}`)
  fs.renameSync(path.join(directory, 'native', 'build'), prebuilt)
  t.match(build(directory, ['--if-needed'], { CXX: '/nonexistent/c++' }), { status: 0, output: '' })
  t.notOk(fs.existsSync(binary), 'the prebuilt binary serves')
})

t.test('the core passes its own tests', { skip }, async (t) => {
  t.match(build(copyNativePart(), ['--test']), { status: 0, output: /all tests passed/ })
})
