/** What the system says about itself in text files. */

/** Limits of a process; Infinity where there is none, undefined where it is not told. */
export interface ProcessLimits {
  openFiles: number | undefined
  /** Bytes. */
  addressSpace: number | undefined
}

/** Reads `/proc/…/limits`. */
export function parseLimits(text: string | undefined): ProcessLimits {
  const soft = (name: string): number | undefined => {
    const value = new RegExp(`^${name}\\s+(\\S+)`, 'm').exec(text ?? '')?.[1]
    return value === 'unlimited' ? Infinity : parseCount(value)
  }
  return { openFiles: soft('Max open files'), addressSpace: soft('Max address space') }
}

/** @returns undefined for what is no whole number */
export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+\s*$/.test(text) ? Number(text) : undefined
}

export interface Mount {
  /** The directory in which it is mounted. */
  point: string
  /** `ext4` */
  type: string
  options: readonly string[]
}

/** Finds in `/proc/self/mountinfo` what `path` lies on. */
export function findMount(text: string | undefined, path: string): Mount | undefined {
  let found: Mount | undefined
  for (const line of (text ?? '').split('\n')) {
    const [front, back] = line.split(' - ')
    const fields = front!.split(' ')
    if (back === undefined || fields.length < 6) continue
    const point = unescape(fields[4]!)
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
    // Of those at one place, the last was mounted over the others.
    if (!isAbove || point.length < (found?.point.length ?? 0)) continue
    const [type, , superOptions = ''] = back.split(' ')
    found = { point, type: type!, options: [...fields[5]!.split(','), ...superOptions.split(',')] }
  }
  return found
}

/** Blanks in a path are written as octal numbers. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
}
