import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

/**
 * The files of some recorded stores in one compressed buffer: a length, a JSON header, then the bytes of what
 * the header names, in its order.
 *
 * A recorded body is there three times: raw in the commit log, and in base64 in what was put and in what was
 * read. The compressor cannot see that these are the same, so bodies are moved out of the text files into a
 * list of their own, each distinct one once.
 */

/** A file of an archive; `path` begins with the name of the store. */
export interface ArchivedFile {
  path: string
  content: Buffer
  /** Milliseconds: compatibility 4.9 answers from file times, so they are part of a store. */
  modifiedTime: number
}

interface Header {
  bodies: number[]
  files: { path: string; length: number; modifiedTime: number }[]
}

const bodyInText = /("bodyBase64": ?)"([A-Za-z0-9+/]+=*)"/g
const referenceInText = /("bodyBase64": ?)"#(\d+)"/g

/** The reverse of {@link unpackFiles}. Takes its time: the stores are packed once and unpacked in every test run. */
export function packFiles(files: readonly ArchivedFile[]): Buffer {
  const bodies = new Map<string, number>()
  const contents = files.map(({ path, content }) => (isText(path) ? takeOutBodies(content, bodies) : content))
  const bodyContents = [...bodies.keys()].map((base64) => Buffer.from(base64, 'base64'))
  const header: Header = {
    bodies: bodyContents.map((body) => body.length),
    files: files.map(({ path, modifiedTime }, at) => ({ path, length: contents[at].length, modifiedTime })),
  }
  const headerContent = Buffer.from(JSON.stringify(header))
  const headerLength = Buffer.alloc(4)
  headerLength.writeUInt32BE(headerContent.length)
  const plain = Buffer.concat([headerLength, headerContent, ...bodyContents, ...contents])
  return brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  })
}

export function unpackFiles(packed: Buffer): ArchivedFile[] {
  const plain = brotliDecompressSync(packed)
  let at = 4 + plain.readUInt32BE(0)
  const take = (length: number): Buffer => plain.subarray(at, (at += length))
  const header = JSON.parse(plain.toString('utf8', 4, at)) as Header
  const bodies = header.bodies.map((length) => take(length).toString('base64'))
  return header.files.map(({ path, length, modifiedTime }) => {
    const content = take(length)
    return { path, content: isText(path) ? putBackBodies(content, bodies) : content, modifiedTime }
  })
}

function isText(path: string): boolean {
  return path.endsWith('.ndjson')
}

function takeOutBodies(text: Buffer, bodies: Map<string, number>): Buffer {
  const replaced = text.toString().replace(bodyInText, (_match, name: string, base64: string) => {
    if (!bodies.has(base64)) bodies.set(base64, bodies.size)
    return `${name}"#${bodies.get(base64)}"`
  })
  return Buffer.from(replaced)
}

function putBackBodies(text: Buffer, bodies: readonly string[]): Buffer {
  return Buffer.from(
    text
      .toString()
      .replace(referenceInText, (_match, name: string, at: string) => `${name}"${bodies[Number(at)]}"`),
  )
}
