/** @returns how many a second, where `work` says how many there were */
export async function rateOf(work) {
  const started = performance.now()
  const count = await work()
  return (count * 1000) / (performance.now() - started)
}
