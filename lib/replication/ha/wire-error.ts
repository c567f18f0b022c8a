/** What a peer sends is not the HA protocol; the message goes on where "the peer" begins it. */
export class WireError extends Error {}
