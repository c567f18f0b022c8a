/** A body before and after the compressor of the real engine; golden/compressed.json has a list of them. */
export interface CompressedSample {
  /** The engine's name of the compression. */
  type: string
  name: string
  sysFlag: number
  /** Repeated `times` times, this is the plain body. */
  plainBase64: string
  times: number
  /** As stored. */
  bodyBase64: string
}
