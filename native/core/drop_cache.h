#pragma once

namespace mqstore {

// Asks the kernel to forget the clean cached pages of the file. Returns an errno value.
int drop_cache(int descriptor);

}  // namespace mqstore
