/** Whether `work` ends in this time; what it throws is thrown. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds)
  })
  try {
    return await Promise.race([work.then(() => true as const), late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether `work` ends at all: in `most` milliseconds, and with never `silence` of them in which `activity`, that only grows, stays
 * what it is. On a machine that has much else to do whoever works is slow; who hangs does nothing.
 */
export async function endsBusily(work: Promise<unknown>, activity: () => number, silence: number, most: number): Promise<boolean> {
  const end = performance.now() + most
  for (let before = activity(); !(await within(silence, work)); before = activity()) {
    if (activity() === before || performance.now() >= end) return false
  }
  return true
}
