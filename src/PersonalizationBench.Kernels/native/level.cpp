// What every level has beside its kernels.
#include "calls.h"

// threads: libtorch's own count, asked before each piece of work
PB_KERNEL(start)(int (*threads)()) {
  pb::threads_wanted = threads;
  return 0;
}

extern "C" __attribute__((visibility("default"))) const char* PB_NAME(PB_LEVEL, last_error)() { return pb::last_error.c_str(); }
