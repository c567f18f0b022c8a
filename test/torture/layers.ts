import { engineAgreement } from './engine-agreement'
import type { Layer } from './layer'

/** All layers, in the order in which they run: what needs nothing of the machine first. */
export const layers: readonly Layer[] = [engineAgreement]
