#pragma once

namespace mqstore {

// Writes everything of the file system that holds `descriptor` to the disk and waits for it. Returns an
// errno value.
int sync_file_system(int descriptor);

}  // namespace mqstore
