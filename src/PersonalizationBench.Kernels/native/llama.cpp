// A Llama's matrices in the tiles' layout.
#include "llama.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11

#include "tiles.h"

namespace pb {

bool llama_fits(int64_t heads, int64_t groups, int64_t width) {
  return dots_there() && width % 16 == 0 && width <= 256 && heads % groups == 0 && heads * width % 32 == 0;
}

size_t PackedMatrix::bytes(const at::Tensor& w) { return static_cast<size_t>(padded(w.size(0)) * padded(w.size(1)) * 6 + 192); }

void PackedMatrix::pack(const at::Tensor& w, Workspace& memory) {
  out = padded(w.size(0));
  in = padded(w.size(1));
  auto plain = w.detach().to(at::kBFloat16).contiguous();
  const bf16* rows = data<bf16>(plain);
  if (out != w.size(0) || in != w.size(1)) {
    auto* wider = memory.take<bf16>(out * in);
    pack_rows(rows, w.size(1), w.size(0), w.size(1), out, in, wider);
    rows = wider;
  }
  auto *transposed = memory.take<uint32_t>(out * in / 2), *pairs = memory.take<uint32_t>(out * in / 2);
  pack_transposed(rows, out, in, transposed);
  pack_pairs(rows, out, in, in, pairs);
  along = transposed;
  across = pairs;
}

void PackedLlama::pack(const std::vector<at::Tensor>& tensors) {
  constexpr int64_t kEach = kProducts + 2;
  int64_t count = (static_cast<int64_t>(tensors.size()) - 2) / kEach;
  auto norm = [&](int64_t at) { return tensors[at].detach().to(at::kFloat).contiguous(); };
  size_t bytes = 0;
  for (const auto& tensor : tensors) bytes += tensor.dim() == 2 ? PackedMatrix::bytes(tensor) : 0;
  memory.reserve(bytes);
  layers.resize(count);
  for (int64_t i = 0; i < count; i++) {
    PackedLayer& layer = layers[i];
    layer.attention_norm = norm(kEach * i);
    layer.mlp_norm = norm(kEach * i + 3);
    int product = 0;
    for (int64_t at : {1, 2, 4, 5}) layer.products[product++].pack(tensors[kEach * i + at], memory);
  }
  final_norm = norm(kEach * count);
  head.pack(tensors[kEach * count + 1], memory);
}

}  // namespace pb

#else

namespace pb {

bool llama_fits(int64_t, int64_t, int64_t) { return false; }

size_t PackedMatrix::bytes(const at::Tensor&) { return 0; }

void PackedMatrix::pack(const at::Tensor&, Workspace&) {}

void PackedLlama::pack(const std::vector<at::Tensor>&) {}

}  // namespace pb

#endif
