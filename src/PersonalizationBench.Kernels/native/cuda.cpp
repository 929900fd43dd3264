// Memory figures of the CUDA allocator. They need the CUDA runtime's header, which a PyTorch wheel lacks:
// without it (PB_CUDA undefined) the figures are absent, never zero.
#include "bridge.h"

#ifdef PB_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

// figures: allocated now, allocated at peak, reserved now, reserved at peak, in bytes
PB_EXPORT int32_t pb_cuda_memory(int64_t device, int64_t* figures) {
#ifdef PB_CUDA
  return pb::guarded([&] {
    auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
    const auto& allocated = stats.allocated_bytes[0];
    const auto& reserved = stats.reserved_bytes[0];
    figures[0] = allocated.current;
    figures[1] = allocated.peak;
    figures[2] = reserved.current;
    figures[3] = reserved.peak;
  });
#else
  (void)device;
  (void)figures;
  pb::set_error("built without the CUDA runtime's header");
  return 1;
#endif
}

PB_EXPORT int32_t pb_cuda_reset_peak(int64_t device) {
#ifdef PB_CUDA
  return pb::guarded([&] { c10::cuda::CUDACachingAllocator::resetPeakStats(static_cast<c10::DeviceIndex>(device)); });
#else
  (void)device;
  pb::set_error("built without the CUDA runtime's header");
  return 1;
#endif
}

PB_EXPORT int32_t pb_cuda_empty_cache() {
#ifdef PB_CUDA
  return pb::guarded([&] { c10::cuda::CUDACachingAllocator::emptyCache(); });
#else
  return 0;
#endif
}
