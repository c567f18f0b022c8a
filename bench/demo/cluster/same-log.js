import { closeSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const chunk = 1 << 20

/** Compares the commit logs of two closed stores up to `end`. @returns what is wrong, undefined where they are the same */
export function differenceOfLogs(one, other, end) {
  const files = readdirSync(join(one, 'commitlog')).sort()
  const otherFiles = readdirSync(join(other, 'commitlog')).sort()
  if (String(files) !== String(otherFiles)) return `the files are ${files}, and ${otherFiles}`
  for (const file of files) {
    const position = firstDifference(join(one, 'commitlog', file), join(other, 'commitlog', file), end - Number(file))
    if (position !== undefined) return `the logs differ at offset ${Number(file) + position}`
  }
  return undefined
}

function firstDifference(one, other, length) {
  const files = [openSync(one), openSync(other)]
  const buffers = [Buffer.alloc(chunk), Buffer.alloc(chunk)]
  try {
    for (let position = 0; position < length; position += chunk) {
      const wanted = Math.min(chunk, length - position)
      const [left, right] = files.map((file, index) => buffers[index].subarray(0, readSync(file, buffers[index], 0, wanted, position)))
      if (!left.equals(right)) return position + left.findIndex((byte, index) => byte !== right[index])
      if (left.length < wanted) return undefined
    }
    return undefined
  } finally {
    for (const file of files) closeSync(file)
  }
}
