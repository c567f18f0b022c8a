import type { StoredMessage } from '../format/stored-message'

export interface MessageLineOptions {
  /** What the queue entry holds; left out where no entry was read. */
  tagsCode?: number
  withoutBody?: boolean
}

/** A message as a line of JSON; other programs go by the names and the order of the fields. */
export function messageLine(message: StoredMessage, { tagsCode, withoutBody = false }: MessageLineOptions): string {
  const before = JSON.stringify({
    topic: message.topic,
    queueId: message.queueId,
    queueOffset: message.queueOffset,
    commitLogOffset: message.commitLogOffset,
    storeSize: message.storeSize,
    tagsCode: tagsCode === undefined ? undefined : String(tagsCode),
    flag: message.flag,
    sysFlag: message.sysFlag,
    bodyCRC: message.bodyCRC,
    bornTimestamp: message.bornTimestamp,
    storeTimestamp: message.storeTimestamp,
    bornHost: message.bornHost,
    storeHost: message.storeHost,
    reconsumeTimes: message.reconsumeTimes,
    preparedTransactionOffset: message.preparedTransactionOffset,
    msgId: message.msgId,
  })
  return `${before.slice(0, -1)},"properties":${sortedJson(message.properties)}${bodyFields(message.body, withoutBody)}}`
}

/** An object would put names that look like numbers first. */
function sortedJson(properties: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(properties).sort().map((name) => `${JSON.stringify(name)}:${JSON.stringify(properties[name])}`)
  return `{${pairs.join(',')}}`
}

/** The engine reads an empty body as none, so such a message has no fields for it. */
function bodyFields(body: Buffer, withoutBody: boolean): string {
  if (body.length === 0) return ''
  const length = `,"bodyLength":${body.length}`
  return withoutBody ? length : `${length},"bodyBase64":"${body.toString('base64')}"`
}
