// Takes the power from a file system: chosen pages of chosen files reach the disk, then nothing does any more.
//
//   power-cut check MOUNT IMAGE NAMESPACE
//   power-cut cut MOUNT IMAGE NAMESPACE FLAG SEED PERCENT DIRECTORY
//
// NAMESPACE is the mount namespace of whoever started it all ("mnt:[4026531841]").
// FLAG is that of the ioctl: 1 writes the journal out first, so that the chosen pages survive; 2 does not. Of the
// pages of each file below DIRECTORY, PERCENT in a hundred are written.
//
// The ioctl stops whatever file system it is given. So it is given one descriptor only, and that one has to lie on a
// loop device whose image is IMAGE, in a mount namespace that is not NAMESPACE.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { loop_major = 7, page_size = 4096 };

// EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number.
static const unsigned long shut_down = _IOR('X', 125, uint32_t);

static uint64_t random_state;
static int percent;
static dev_t device;

static void refuse(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "power-cut refuses: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(2);
}

static struct stat status_of(const char* path) {
  struct stat status;
  if (stat(path, &status) != 0) refuse("%s: %s", path, strerror(errno));
  return status;
}

// A descriptor of the mount point, proven to lie on the loop device of the image.
static int open_our_mount(const char* mount, const char* image, const char* namespace) {
  char own[64] = "";
  if (readlink("/proc/self/ns/mnt", own, sizeof own - 1) < 0) refuse("/proc/self/ns/mnt: %s", strerror(errno));
  if (strncmp(namespace, "mnt:[", 5) != 0 || strcmp(own, namespace) == 0) refuse("%s is not a mount namespace of its own", own);

  const int descriptor = open(mount, O_RDONLY | O_DIRECTORY);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) refuse("%s: %s", mount, strerror(errno));
  char parent[4096];
  if ((size_t)snprintf(parent, sizeof parent, "%s/..", mount) >= sizeof parent) refuse("the path is too long");
  if (status_of(parent).st_dev == status.st_dev) refuse("%s is no mount point", mount);
  if (major(status.st_dev) != loop_major) refuse("%s does not lie on a loop device", mount);

  char loop[64];
  snprintf(loop, sizeof loop, "/dev/loop%u", minor(status.st_dev));
  const struct stat node = status_of(loop);
  if (!S_ISBLK(node.st_mode) || node.st_rdev != status.st_dev) refuse("%s is not the device of %s", loop, mount);
  struct loop_info64 info;
  const int loop_descriptor = open(loop, O_RDONLY);
  if (loop_descriptor < 0 || ioctl(loop_descriptor, LOOP_GET_STATUS64, &info) != 0) refuse("%s: %s", loop, strerror(errno));
  close(loop_descriptor);
  const struct stat ours = status_of(image);
  if (info.lo_inode != ours.st_ino || info.lo_device != ours.st_dev) refuse("%s does not hold %s", loop, image);

  device = status.st_dev;
  return descriptor;
}

static uint64_t next_random(void) {
  random_state += 0x9e3779b97f4a7c15u;
  uint64_t mixed = random_state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

static int write_pages(const char* path, const struct stat* status, int type, struct FTW* place) {
  (void)place;
  if (type != FTW_F || status->st_dev != device) return 0;
  const int descriptor = open(path, O_RDWR);
  if (descriptor < 0) return 0;
  for (off_t at = 0; at < status->st_size; at += page_size) {
    if ((int)(next_random() % 100) >= percent) continue;
    // What fails here is not on the disk, which a power cut may do to any page.
    (void)sync_file_range(descriptor, at, page_size,
                          SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  }
  close(descriptor);
  return 0;
}

int main(int count, char** arguments) {
  if (count == 5 && strcmp(arguments[1], "check") == 0) {
    open_our_mount(arguments[2], arguments[3], arguments[4]);
    return 0;
  }
  if (count != 9 || strcmp(arguments[1], "cut") != 0) refuse("what to do was not said");
  const int mount = open_our_mount(arguments[2], arguments[3], arguments[4]);
  uint32_t flag = (uint32_t)atoi(arguments[5]);
  if (flag != 1 && flag != 2) refuse("the flag is 1 or 2");
  random_state = strtoull(arguments[6], NULL, 10);
  percent = atoi(arguments[7]);
  if (percent > 0) nftw(arguments[8], write_pages, 16, FTW_PHYS | FTW_MOUNT);
  if (ioctl(mount, shut_down, &flag) != 0) {
    fprintf(stderr, "the shutdown failed: %s\n", strerror(errno));
    return 1;
  }
  return 0;
}
