import type { RecordedMessage } from './recorded'

/** Repeatable messages of every sort, so that a failure can be run again from its seed. */

/** Numbers in [0, 1) that depend on the seed only (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const tags = ['a', 'TagA', 'order-paid', '标签', '𝒳tag', 'Aa', 'BB', undefined]
const topics = ['orders', 'payments', '%RETRY%group-1', 'TopicTest', 't'.repeat(127)]
/** Only 5.x stores topics of more than 127 bytes. */
const longTopics = ['L'.repeat(128), 'M'.repeat(255)]

/** Transaction bits of `sysFlag`: none, prepared, committed, rolled back. */
const transactionBits = [0, 0, 0, 0, 4, 8, 12]

export interface MessageMix {
  seed: number
  count: number
  /** Whether topics of more than 127 bytes are among them. */
  withLongTopics: boolean
}

/** Messages and batches; one in ten has a body of up to 30 KB, so that segments end in blank records. */
export function randomMessages({ seed, count, withLongTopics }: MessageMix): RecordedMessage[] {
  const random = randomNumbers(seed)
  const integer = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  const pick = <Choice>(choices: readonly Choice[]): Choice => choices[integer(0, choices.length - 1)]
  const body = (): string =>
    Buffer.from(
      Array.from({ length: integer(1, random() < 0.1 ? 30000 : 400) }, () => integer(0, 255)),
    ).toString('base64')
  const properties = (): Record<string, string> => {
    const tag = pick(tags)
    return {
      ...(tag !== undefined && { TAGS: tag }),
      ...(random() < 0.7 && {
        KEYS: Array.from({ length: integer(1, 4) }, () => `k${integer(0, 50)}`).join(' '),
      }),
      ...(random() < 0.8 && {
        UNIQ_KEY: Array.from({ length: 32 }, () => integer(0, 15).toString(16).toUpperCase()).join(''),
      }),
      ...(random() < 0.3 && { 自定义: '值'.repeat(integer(1, 20)) }),
    }
  }
  const bornHost = (): string =>
    random() < 0.3
      ? `2001:db8:0:0:0:0:0:${integer(1, 65535).toString(16)}:${integer(1024, 65535)}`
      : `10.0.${integer(0, 255)}.${integer(1, 254)}:${integer(1024, 65535)}`
  return Array.from({ length: count }, (_element, at): RecordedMessage => {
    const header = {
      topic: pick(withLongTopics ? [...topics, ...longTopics] : topics),
      queueId: integer(0, 2),
      bornTimestamp: 1700000000000 + at * 7,
      flag: integer(-5, 5),
      bornHost: bornHost(),
      storeHost: random() < 0.3 ? 'fe80:0:0:0:0:0:0:9:10911' : '192.168.7.9:10911',
      reconsumeTimes: pick([0, 0, 0, 1, 16]),
    }
    if (random() < 0.1) {
      const batch = Array.from({ length: integer(1, 12) }, (_message, part) => ({
        body: `batch ${at}/${part}`,
        properties: properties(),
      }))
      return { ...header, batch }
    }
    const sysFlag = pick(transactionBits)
    return {
      ...header,
      bodyBase64: body(),
      sysFlag,
      preparedTransactionOffset: sysFlag === 0 ? 0 : integer(0, 2 ** 40),
      properties: properties(),
    }
  })
}
