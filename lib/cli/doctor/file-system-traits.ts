import type { Diagnosis } from './checks'

const network: Diagnosis = {
  severity: 'warning',
  text: 'over the network locks hold only where server and mount carry them, and a flush is only as good as the server’s',
  fix: 'a local file system',
}

const copyOnWrite: Diagnosis = {
  severity: 'warning',
  text: 'each write takes new blocks, so that reserved ones do not help on a full disk: a write through the map is a memory fault then',
  fix: 'keep room free by diskFreeSpaceMin, or use ext4 or xfs; on btrfs chattr +C on the directory while it is empty',
}

const memory: Diagnosis = { severity: 'warning', text: 'the files are in memory, and gone with the next start of the machine', fix: 'a directory on a disk' }

const layered: Diagnosis = { severity: 'warning', text: 'the files are in the container, and go with it', fix: 'mount a volume for the directory' }

const shared: Diagnosis = {
  severity: 'warning', text: 'files of another machine: maps, locks and flushes may not do what they do on a disk', fix: 'a local file system',
}

/** By the name that the system has for a type, up to its first dot. */
const traits: Readonly<Record<string, Diagnosis>> = {
  nfs: network, nfs4: network, cifs: network, smb3: network, smbfs: network, ceph: network, glusterfs: network, lustre: network,
  btrfs: copyOnWrite, zfs: copyOnWrite, bcachefs: copyOnWrite,
  tmpfs: memory, ramfs: memory,
  overlay: layered, overlayfs: layered, aufs: layered,
  fuse: shared, fuseblk: shared, '9p': shared, virtiofs: shared, vboxsf: shared, drvfs: shared,
}

const tested = new Set(['ext4', 'xfs'])

/** What a store meets on a file system of this type; undefined on those that it is tested on. */
export function fileSystemTraits(type: string): Diagnosis | undefined {
  const known = traits[type.split('.')[0]!]
  if (known !== undefined) return known
  return tested.has(type) ? undefined : { severity: 'note', text: 'only ext4 and xfs are tested' }
}
