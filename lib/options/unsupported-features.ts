/** What a property switches on that would change files or acknowledgements in unknown ways. */
export interface UnsupportedFeature {
  /** The value that leaves the feature off, which is RocketMQ's default. */
  harmless: string
  /** Every value that RocketMQ can read, where there is a list of them. */
  values?: readonly string[]
  reason: string
}

const features: Readonly<Record<string, UnsupportedFeature>> = {
  enableDLegerCommitLog: offByDefault('DLedger keeps the commit log in files of another format'),
  enableControllerMode: offByDefault('masters chosen by a controller keep track of epochs'),
  enableConsumeQueueExt: offByDefault('queue entries would point into extension files'),
  enableLmq: offByDefault('a message would have to be queued in light queues as well'),
  enableMultiDispatch: offByDefault('a message would have to be queued in several queues'),
  transientStorePoolEnable: offByDefault('messages would wait outside the log for their commit'),
  duplicationEnable: offByDefault('the end of what can be read would be set from outside'),
  storeType: { harmless: 'default', reason: 'queues are kept in files only, not in RocksDB' },
}

function offByDefault(reason: string): UnsupportedFeature {
  return { harmless: 'false', values: ['true', 'false'], reason }
}

export const unsupportedFeatureKeys: readonly string[] = Object.keys(features)

/** The feature that the property `key` switches on; undefined where it is none of them. */
export function unsupportedFeature(key: string): UnsupportedFeature | undefined {
  return Object.hasOwn(features, key) ? features[key] : undefined
}
