import * as zlib from 'node:zlib'
import { StoreError } from '../errors'
import { SysFlag } from './record'

type Decompress = (body: Buffer) => Buffer

/** The compression types of SYSFLAG; 0 is what came before there was a choice, and means zlib. */
const codecs: Record<number, { name: string; load(): Decompress | undefined; install: string }> = {
  0x000: { name: 'zlib', load: () => (body) => zlib.inflateSync(body), install: '' },
  0x100: { name: 'lz4', load: loadLz4, install: 'install the package lz4' },
  0x200: { name: 'zstd', load: loadZstd, install: 'use Node.js 22.15 or later' },
  0x300: { name: 'zlib', load: () => (body) => zlib.inflateSync(body), install: '' },
}

function loadLz4(): Decompress | undefined {
  try {
    // The package is optional, since it compiles when it is installed.
    const lz4 = require('lz4') as { decode(input: Buffer): Buffer }
    return (body) => lz4.decode(body)
  } catch {
    return undefined
  }
}

function loadZstd(): Decompress | undefined {
  return (zlib as unknown as { zstdDecompressSync?: Decompress }).zstdDecompressSync
}

/** Returns `body` itself when `sysFlag` says it is not compressed. */
export function decompressBody(body: Buffer, sysFlag: number): Buffer {
  if (!(sysFlag & SysFlag.compressed) || body.length === 0) return body
  const codec = codecs[sysFlag & SysFlag.compressionMask]
  if (codec === undefined) {
    throw new StoreError('ERR_CODEC_UNAVAILABLE', `compression type ${(sysFlag & SysFlag.compressionMask) >> 8} is unknown`)
  }
  const decompress = codec.load()
  if (decompress === undefined) {
    throw new StoreError('ERR_CODEC_UNAVAILABLE', `${codec.name} is not available: ${codec.install}`)
  }
  try {
    return decompress(body)
  } catch (cause) {
    throw new StoreError('ERR_CORRUPT', `the ${codec.name} body cannot be decompressed`, { reason: String(cause) }, cause)
  }
}
