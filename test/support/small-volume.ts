import { spawnSync } from 'node:child_process'

/** How to get a mount namespace of our own: as root, or as the root of a namespace of users. */
const namespace = [['-m'], ['-U', '-r', '-m']].find((flags) => succeeds('unshare', ...flags, 'mount', '-t', 'tmpfs', 'none', '/tmp'))

/** The command that runs what follows it in such a namespace. */
export const inNamespace: readonly string[] = ['unshare', ...(namespace ?? [])]

/** Why a test that needs one is skipped; false where it is not. */
export const noNamespace = namespace === undefined ? 'file systems of our own need root, or namespaces of users' : false

/** The command of a shell that mounts a file system in memory of this size on `$directory`. */
export function mountInMemory(size: string): string {
  return `mount -t tmpfs -o size=${size} none "$directory"`
}

export function succeeds(command: string, ...rest: string[]): boolean {
  return spawnSync(command, rest, { stdio: 'ignore' }).status === 0
}
