/** Waits until all have ended, however they do, so that nothing is still at work behind it. @throws what the first to fail did */
export async function allEnded(works: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(works)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}
