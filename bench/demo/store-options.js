/** The file is a broker's, one of a pair; here there is no slave for a put to wait for. */
export function storeOptions(properties) {
  return { properties, brokerRole: 'ASYNC_MASTER' }
}
