/** One line on a terminal that is written over and over; nothing anywhere else. */
export function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}

export function endProgress() {
  showProgress('')
}
