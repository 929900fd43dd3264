// The way from C# into libtorch: every ATen operator is called by its schema through the c10 dispatcher,
// so no operator needs C++ of its own, and autograd, device and dtype dispatch work as in PyTorch.
#include "bridge.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/stack.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace pb {

static std::atomic<int64_t> live_tensors{0};
static thread_local std::string last_error;

void set_error(const char* text) { last_error = text; }

int64_t out(at::Tensor&& tensor) {
  if (!tensor.defined()) {
    return 0;
  }
  live_tensors.fetch_add(1, std::memory_order_relaxed);
  return reinterpret_cast<int64_t>(tensor.unsafeReleaseTensorImpl());
}

static at::Generator generator_in(int64_t handle) {
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::reclaim_copy(reinterpret_cast<c10::GeneratorImpl*>(handle)));
}

static double as_double(int64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

static c10::IValue value_in(const Arg& arg) {
  switch (arg.tag) {
    case Tag::None: return {};
    case Tag::Tensor: return in(arg.a);
    case Tag::Int: return arg.a;
    case Tag::Double: return as_double(arg.a);
    case Tag::Bool: return arg.a != 0;
    case Tag::IntList: return c10::IntArrayRef(reinterpret_cast<const int64_t*>(arg.a), arg.b);
    case Tag::String: return std::string(reinterpret_cast<const char*>(arg.a), arg.b);
    case Tag::Device: return c10::Device(static_cast<c10::DeviceType>(arg.a), static_cast<c10::DeviceIndex>(arg.b));
    case Tag::Generator: return generator_in(arg.a);
    case Tag::DoubleList: return c10::List<double>(c10::ArrayRef<double>(reinterpret_cast<const double*>(arg.a), arg.b));
    case Tag::TensorList: {
      auto handles = reinterpret_cast<const int64_t*>(arg.a);
      c10::List<at::Tensor> list;
      list.reserve(arg.b);
      for (int64_t i = 0; i < arg.b; i++) list.push_back(in(handles[i]));
      return list;
    }
    case Tag::OptionalTensorList: {
      auto handles = reinterpret_cast<const int64_t*>(arg.a);
      // c10's own optional in libtorch 1.x, the standard one in 2.x.
      using Optional = decltype(std::declval<c10::IValue>().toOptional<at::Tensor>());
      c10::List<Optional> list;
      list.reserve(arg.b);
      for (int64_t i = 0; i < arg.b; i++) list.push_back(handles[i] ? Optional(in(handles[i])) : Optional());
      return list;
    }
    case Tag::BoolList: {
      auto flags = reinterpret_cast<const int64_t*>(arg.a);
      c10::List<bool> list;
      for (int64_t i = 0; i < arg.b; i++) list.push_back(flags[i] != 0);
      return list;
    }
  }
  TORCH_CHECK(false, "argument with unknown tag ", static_cast<int64_t>(arg.tag));
}

static Arg value_out(c10::IValue&& value) {
  if (value.isTensor()) return {Tag::Tensor, out(std::move(value).toTensor()), 0};
  if (value.isInt()) return {Tag::Int, value.toInt(), 0};
  if (value.isBool()) return {Tag::Bool, value.toBool(), 0};
  if (value.isDouble()) {
    Arg result{Tag::Double, 0, 0};
    double number = value.toDouble();
    std::memcpy(&result.a, &number, sizeof number);
    return result;
  }
  if (value.isTensorList()) {
    auto list = std::move(value).toTensorVector();
    auto handles = static_cast<int64_t*>(std::malloc(sizeof(int64_t) * (list.size() + 1)));
    for (size_t i = 0; i < list.size(); i++) handles[i] = out(std::move(list[i]));
    return {Tag::TensorList, reinterpret_cast<int64_t>(handles), static_cast<int64_t>(list.size())};
  }
  TORCH_CHECK(value.isNone(), "a result of kind ", value.tagKind(), " has no way to C#");
  return {Tag::None, 0, 0};
}

static std::vector<at::Tensor> list_in(const int64_t* handles, int64_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (int64_t i = 0; i < count; i++) list.push_back(in(handles[i]));
  return list;
}

}  // namespace pb

using namespace pb;

PB_EXPORT const char* pb_last_error() { return last_error.c_str(); }
PB_EXPORT const char* pb_version() { return TORCH_VERSION; }
PB_EXPORT int64_t pb_live_tensors() { return live_tensors.load(std::memory_order_relaxed); }
PB_EXPORT void pb_free_list(void* list) { std::free(list); }

// ---- operators ----

PB_EXPORT void* pb_find_op(const char* name, const char* overload) {
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  return handle ? new c10::OperatorHandle(*handle) : nullptr;
}

// Arguments that the caller leaves off take the schema's defaults, so that operators which gained one since are called alike.
PB_EXPORT int32_t pb_call(void* op, const Arg* args, int64_t count, Arg* results, int64_t* result_count) {
  static thread_local torch::jit::Stack stack;  // keeps its capacity: no allocation per call
  // The processor's flag belongs to a thread, and .NET calls from many; OpenMP's workers inherit it from here.
  static thread_local bool flushing = at::globalContext().setFlushDenormal(true);
  (void)flushing;
  int32_t failed = guarded([&] {
    auto& handle = *static_cast<c10::OperatorHandle*>(op);
    const auto& schema = handle.schema().arguments();
    TORCH_CHECK(count <= static_cast<int64_t>(schema.size()), "takes ", schema.size(), " arguments, was given ", count);
    for (int64_t i = 0; i < count; i++) stack.push_back(value_in(args[i]));
    for (size_t i = count; i < schema.size(); i++) {
      TORCH_CHECK(schema[i].default_value().has_value(), "argument '", schema[i].name(), "' is missing");
      stack.push_back(*schema[i].default_value());
    }
    handle.callBoxed(stack);
    TORCH_CHECK(static_cast<int64_t>(stack.size()) <= *result_count, "returns ", stack.size(), " values");
    *result_count = static_cast<int64_t>(stack.size());
    for (size_t i = 0; i < stack.size(); i++) results[i] = value_out(std::move(stack[i]));
  });
  stack.clear();
  return failed;
}

// ---- tensors ----

static at::TensorImpl* impl(void* tensor) { return static_cast<at::TensorImpl*>(tensor); }

PB_EXPORT void pb_free(void* tensor) {
  live_tensors.fetch_sub(1, std::memory_order_relaxed);
  c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim(impl(tensor));
}

// A second handle of the same tensor.
PB_EXPORT void* pb_share(void* tensor) { return reinterpret_cast<void*>(out(in(tensor))); }

PB_EXPORT int64_t pb_dim(void* tensor) { return impl(tensor)->dim(); }
PB_EXPORT int64_t pb_numel(void* tensor) { return impl(tensor)->numel(); }
PB_EXPORT int64_t pb_dtype(void* tensor) { return static_cast<int64_t>(c10::typeMetaToScalarType(impl(tensor)->dtype())); }
PB_EXPORT int64_t pb_element_size(void* tensor) { return static_cast<int64_t>(impl(tensor)->itemsize()); }
PB_EXPORT int64_t pb_is_contiguous(void* tensor) { return impl(tensor)->is_contiguous(); }
PB_EXPORT int64_t pb_storage_offset(void* tensor) { return impl(tensor)->storage_offset(); }
PB_EXPORT void* pb_data(void* tensor) { return in(tensor).data_ptr(); }

PB_EXPORT void pb_shape(void* tensor, int64_t* sizes, int64_t* strides) {
  auto dims = impl(tensor)->sizes();
  std::copy(dims.begin(), dims.end(), sizes);
  if (strides) {
    auto steps = impl(tensor)->strides();
    std::copy(steps.begin(), steps.end(), strides);
  }
}

PB_EXPORT void pb_device(void* tensor, int64_t* type, int64_t* index) {
  auto device = impl(tensor)->device();
  *type = static_cast<int64_t>(device.type());
  *index = device.index();
}

// ---- autograd ----

PB_EXPORT int64_t pb_requires_grad(void* tensor) { return in(tensor).requires_grad(); }
PB_EXPORT int64_t pb_is_leaf(void* tensor) { return in(tensor).is_leaf(); }

PB_EXPORT int32_t pb_set_requires_grad(void* tensor, int64_t value) {
  return guarded([&] { in(tensor).requires_grad_(value != 0); });
}

PB_EXPORT int32_t pb_grad_of(void* tensor, int64_t* grad) {
  return guarded([&] { *grad = out(at::Tensor(in(tensor).grad())); });
}

PB_EXPORT int32_t pb_set_grad(void* tensor, void* grad) {
  return guarded([&] { in(tensor).mutable_grad() = in(grad); });
}

PB_EXPORT int32_t pb_backward(
    const int64_t* tensors, int64_t count, const int64_t* grads, int64_t grad_count,
    const int64_t* inputs, int64_t input_count, int64_t retain_graph, int64_t create_graph) {
  return guarded([&] {
    torch::autograd::backward(
        list_in(tensors, count), list_in(grads, grad_count), retain_graph != 0, create_graph != 0, list_in(inputs, input_count));
  });
}

PB_EXPORT int32_t pb_grad(
    const int64_t* outputs, int64_t count, const int64_t* inputs, int64_t input_count, const int64_t* grads,
    int64_t grad_count, int64_t retain_graph, int64_t create_graph, int64_t allow_unused, int64_t* results) {
  return guarded([&] {
    auto found = torch::autograd::grad(
        list_in(outputs, count), list_in(inputs, input_count), list_in(grads, grad_count),
        retain_graph != 0, create_graph != 0, allow_unused != 0);
    for (size_t i = 0; i < found.size(); i++) results[i] = out(std::move(found[i]));
  });
}

PB_EXPORT int64_t pb_grad_mode() { return at::GradMode::is_enabled(); }
PB_EXPORT void pb_set_grad_mode(int64_t enabled) { at::GradMode::set_enabled(enabled != 0); }
PB_EXPORT void* pb_inference_begin(int64_t enabled) { return new c10::InferenceMode(enabled != 0); }
PB_EXPORT void pb_inference_end(void* guard) { delete static_cast<c10::InferenceMode*>(guard); }
PB_EXPORT int64_t pb_inference_mode() { return c10::InferenceMode::is_enabled(); }

// ---- random numbers ----

static int64_t generator_out(at::Generator&& generator) {
  return reinterpret_cast<int64_t>(generator.unsafeReleaseGeneratorImpl());
}

// A clone of the device's default generator: the one way that needs no CUDA header.
PB_EXPORT int32_t pb_generator_new(uint64_t seed, int64_t type, int64_t index, int64_t* handle) {
  return guarded([&] {
    c10::Device device(static_cast<c10::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
    if (device.is_cuda() && index < 0) device = c10::Device(c10::kCUDA, 0);
    auto generator = at::globalContext().defaultGenerator(device).clone();
    generator.set_current_seed(seed);
    *handle = generator_out(std::move(generator));
  });
}

PB_EXPORT int64_t pb_generator_default() {
  return generator_out(at::Generator(at::globalContext().defaultGenerator(c10::Device(c10::kCPU))));
}

PB_EXPORT void pb_generator_free(void* generator) {
  c10::intrusive_ptr<c10::GeneratorImpl>::reclaim(static_cast<c10::GeneratorImpl*>(generator));
}

PB_EXPORT void pb_generator_seed(void* generator, uint64_t seed) {
  static_cast<c10::GeneratorImpl*>(generator)->set_current_seed(seed);
}

PB_EXPORT uint64_t pb_generator_seed_of(void* generator) { return static_cast<c10::GeneratorImpl*>(generator)->current_seed(); }

PB_EXPORT int32_t pb_generator_state(void* generator, int64_t* state) {
  return guarded([&] { *state = out(generator_in(reinterpret_cast<int64_t>(generator)).get_state()); });
}

PB_EXPORT int32_t pb_generator_set_state(void* generator, void* state) {
  return guarded([&] { generator_in(reinterpret_cast<int64_t>(generator)).set_state(in(state)); });
}

PB_EXPORT void pb_manual_seed(uint64_t seed) { at::manual_seed(seed); }

// ---- machine ----

PB_EXPORT int64_t pb_threads() { return at::get_num_threads(); }
PB_EXPORT void pb_set_threads(int64_t count) { at::set_num_threads(static_cast<int>(count)); }
// glibc hands large blocks back to the system at once; a training step would fault its activations' pages in again each time.
PB_EXPORT void pb_keep_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 64 << 20);
}

PB_EXPORT void pb_release_memory() { malloc_trim(0); }

PB_EXPORT int64_t pb_cuda_count() { return static_cast<int64_t>(torch::cuda::device_count()); }

PB_EXPORT int32_t pb_cuda_synchronize(int64_t device) {
  return guarded([&] { torch::cuda::synchronize(device); });
}

PB_EXPORT void pb_allow_tf32(int64_t on) {
  at::globalContext().setAllowTF32CuBLAS(on != 0);
  at::globalContext().setAllowTF32CuDNN(on != 0);
}
