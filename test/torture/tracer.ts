import { spawn, type ChildProcess } from 'node:child_process'

/** strace on a process that runs: what it does to system calls begins and ends with it. */
export class Tracer {
  /** Resolves when it has let go. */
  readonly ended: Promise<void>

  private constructor(private readonly process: ChildProcess) {
    this.ended = new Promise((resolve) => process.once('close', () => resolve()))
  }

  /**
   * Resolves once all threads of the process are held.
   * @param record where strace writes what it saw
   * @param paths where there are any, calls on other files are let through
   */
  static async attach(
    processId: number, expressions: readonly string[], { record = '/dev/null', paths = [] }: { record?: string; paths?: readonly string[] } = {},
  ): Promise<Tracer> {
    const options = [...expressions.flatMap((expression) => ['-e', expression]), ...paths.flatMap((path) => ['-P', path])]
    const strace = spawn('strace', ['-f', '-o', record, ...options, '-p', String(processId)], { stdio: ['ignore', 'ignore', 'pipe'] })
    const tracer = new Tracer(strace)
    let said = ''
    await new Promise<void>((resolve, reject) => {
      strace.stderr!.on('data', (text: Buffer) => {
        said += text.toString()
        if (said.includes('attached')) resolve()
      })
      strace.once('error', reject)
      strace.once('close', () => reject(new Error(`strace did not attach: ${said}`)))
    })
    return tracer
  }

  async detach(): Promise<void> {
    this.process.kill('SIGINT')
    await this.ended
  }
}
