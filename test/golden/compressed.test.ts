import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as zlib from 'node:zlib'
import { MessageStore, type StoredMessage } from '../../lib/index'
import type { CompressedSample } from '../support/compressed-sample'

/*
 * The story: producers of 5.x compress with LZ4, Zstandard or zlib as they please, and the broker stores what
 * it is given. A reader of the store wants the plain body. The bodies here were compressed by the engine's own
 * compressors; each is stored and must come back both as it was and decompressed. Where Node.js has no
 * Zstandard, the error has to say so by its code.
 *
 * Not proved here: that a compressed body inside a file written by the engine is found (read.test.ts, zipped).
 */

const samples = JSON.parse(
  readFileSync(join(process.cwd(), 'test', 'golden', 'compressed.json'), 'utf8'),
) as CompressedSample[]

async function storeAndRead(
  directory: string,
  { sysFlag, bodyBase64 }: CompressedSample,
): Promise<StoredMessage> {
  const store = await MessageStore.open(directory, { mappedFileSizeCommitLog: 1024 * 1024 })
  try {
    await store.put({ topic: 'compressed', body: Buffer.from(bodyBase64, 'base64'), sysFlag })
    const result = store.get({ topic: 'compressed', queueId: 0, offset: 0 })
    const [message] = result.messages
    result.release()
    return message
  } finally {
    await store.close()
  }
}

for (const sample of samples) {
  t.test(`${sample.type}, ${sample.name}`, async (test) => {
    const message = await storeAndRead(test.testdir(), sample)
    test.equal(message.body.toString('base64'), sample.bodyBase64, 'the body is stored as it is')
    if (sample.type === 'ZSTD' && !('zstdDecompressSync' in zlib)) {
      test.throws(() => message.decompressedBody(), { code: 'ERR_CODEC_UNAVAILABLE' })
      return
    }
    const plain = Buffer.concat(
      Array.from({ length: sample.times }, () => Buffer.from(sample.plainBase64, 'base64')),
    )
    test.ok(message.decompressedBody().equals(plain), 'the plain body comes back')
  })
}
