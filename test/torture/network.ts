import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** What it takes of the machine, with the Debian package that has it. */
const programs = { unshare: 'util-linux', nsenter: 'util-linux', mount: 'mount', ip: 'iproute2', nft: 'nftables' }

/** A network, and mounts, that only the processes have which are started in it, and that end with this process. */
export class Network {
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  /** Why there can be none here. */
  static lacks(): string | undefined {
    if (process.platform !== 'linux') return 'needs Linux'
    if (process.getuid!() !== 0) return 'needs root, for a network of its own'
    for (const [program, debianPackage] of Object.entries(programs)) {
      if (spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0) return `needs the program ${program} (package ${debianPackage})`
    }
    return spawnSync('unshare', ['--net', '--mount', 'nft', 'add', 'table', 'inet', 'probe']).status === 0
      ? undefined
      : 'needs a network namespace with packet filters (unshare --net, nft)'
  }

  static async open(): Promise<Network> {
    const script = 'ip link set lo up && echo up && exec cat'
    const holder = spawn('unshare', ['--net', '--mount', '--propagation', 'private', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [said] = (await Promise.race([once(holder.stdout!, 'data'), once(holder, 'close')])) as [Buffer | number]
    if (String(said) !== 'up\n') throw new Error('no network of our own can be made')
    return new Network(holder)
  }

  /** What starts a program in it. */
  get entrance(): string[] {
    return ['nsenter', '--target', String(this.#holder.pid), '--net', '--mount', '--']
  }

  /** From now on these rules say what becomes of packets that arrive, in place of those before. */
  async filter(...rules: string[]): Promise<void> {
    await this.run('nft', [
      'add table inet torture', 'delete table inet torture', 'add table inet torture',
      'add chain inet torture arriving { type filter hook input priority 0; }',
      ...rules.map((rule) => `add rule inet torture arriving ${rule}`),
    ].join('; '))
  }

  async run(...command: string[]): Promise<void> {
    const [program, ...parameters] = [...this.entrance, ...command]
    await execute(program!, parameters)
  }

  async close(): Promise<void> {
    this.#holder.kill('SIGKILL')
    if (this.#holder.exitCode === null && this.#holder.signalCode === null) await once(this.#holder, 'close')
  }
}
