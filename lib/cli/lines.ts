import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** The lines of a stream, read no faster than they are taken; ends early when `interrupt` is aborted. */
export async function* linesOf(stream: Readable, interrupt: AbortSignal): AsyncGenerator<string, void, void> {
  const decoder = new StringDecoder('utf8')
  let parts: string[] = []
  for await (const chunk of chunksOf(stream, interrupt)) {
    const lines = decoder.write(chunk).split('\n')
    // A long line comes in many chunks, which are put together once.
    parts.push(lines[0]!)
    if (lines.length === 1) continue
    yield withoutReturn(parts.join(''))
    for (const line of lines.slice(1, -1)) yield withoutReturn(line)
    parts = [lines.at(-1)!]
  }
  const rest = parts.join('') + decoder.end()
  if (rest !== '' && !interrupt.aborted) yield withoutReturn(rest)
}

async function* chunksOf(stream: Readable, interrupt: AbortSignal): AsyncGenerator<Buffer, void, void> {
  const interrupted = once(interrupt, 'abort').then(() => ({ done: true as const, value: undefined }))
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  while (!interrupt.aborted) {
    const next = await Promise.race([iterator.next(), interrupted])
    if (next.done === true) return
    yield next.value
  }
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
