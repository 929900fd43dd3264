// The way through a step, whatever the type of the products. A row's numbers do not depend on the rows beside it, nor on how a prompt
// was cut into steps: every sum runs over the row's own operands in one order. Included by serving_tiles.cpp and serving_lanes.cpp.
#pragma once

#include <algorithm>
#include <numeric>

#include "serving.h"
#include "workspace.h"

namespace pb {

// M has, for its element type T and its Matrix:
//   Guard                                        what a thread needs while it multiplies rows, made of their number
//   product(x, rows, matrix, y)                  y [rows, out] = x [rows, in] W^T, f32; widths padded as the matrix is
//   Updates(guard).add(x, rows, in, a, b, rank, scale, width, y, step)   y += scale B A x of at most kTogether rows with one adapter;
//                                                x `in`, y `step` elements from row to row
//   norm(x, w, d, padded, epsilon, y), rotate(x, cosine, sine, half), narrow_row(x, n, y), add(x, n, y), swiglu(both, f, padded, y)
//   store(k, v, width, place, page)              one head's key and value into a page [K | V]
//   attend(q, width, position, table, pages, page_step, scores, y)   pages: of this layer and key head
template <class M>
class ServingStep final : public ServingModel {
 public:
  using T = typename M::T;
  using Matrix = typename M::Matrix;

  static constexpr int kQueryKeyValue = 0, kOutput = 1, kGateUp = 2, kDown = 3, kProducts = 4;

  ServingStep(const ServingShape& shape, const std::vector<at::Tensor>& tensors, std::vector<ServingSite> sites) : s(shape), sites_(std::move(sites)) {
    size_t bytes = 0;
    for (const auto& tensor : tensors) bytes += tensor.dim() == 2 ? Matrix::bytes(tensor) : 0;
    memory_.reserve(bytes);
    embedding_ = tensors[0].detach().to(M::kType).contiguous();
    layers_.resize(s.layers);
    for (int64_t i = 0; i < s.layers; i++) {
      const at::Tensor* of = &tensors[1 + 6 * i];
      Layer& layer = layers_[i];
      layer.attention_norm = of[0].detach().to(at::kFloat).contiguous();
      layer.mlp_norm = of[3].detach().to(at::kFloat).contiguous();
      for (int product = 0; product < kProducts; product++) layer.products[product].pack(of[product < 2 ? product + 1 : product + 2], memory_);
    }
    size_t at = 1 + 6 * static_cast<size_t>(s.layers);
    final_norm_ = tensors[at].detach().to(at::kFloat).contiguous();
    head_.pack(tensors[at + 1], memory_);
    cosine_ = tensors[at + 2].contiguous();
    sine_ = tensors[at + 3].contiguous();
    pages_.reserve(static_cast<size_t>(s.layers * s.pages * page_step()) * sizeof(T));
    kept_ = pages_.template take<T>(s.layers * s.pages * page_step());
    std::fill(kept_, kept_ + s.layers * s.pages * page_step(), T{});
    by_product_.resize(s.layers * kProducts);
    for (size_t i = 0; i < sites_.size(); i++) by_product_[sites_[i].layer * kProducts + sites_[i].product].push_back(i);
  }

  void step(const ServingRows& rows) override {
    r_ = &rows;
    int64_t d = s.dimension();
    stream_.reserve(static_cast<size_t>(rows.count * d) * (sizeof(float) + sizeof(T)) + 256);
    x_ = stream_.template take<float>(rows.count * d);
    queries_ = stream_.template take<T>(rows.count * d);
    const T* embedding = data<T>(embedding_);
    for (int64_t i = 0; i < rows.count; i++) {
      for (int64_t c = 0; c < d; c++) x_[i * d + c] = widen(embedding[rows.ids[i] * d + c]);
    }
    // Rows of one adapter side by side: they share a product.
    auto by_slot = [&](std::vector<int32_t>& of, const auto& row) {
      std::iota(of.begin(), of.end(), 0);
      std::stable_sort(of.begin(), of.end(), [&](int32_t a, int32_t b) { return rows.slots[row(a)] < rows.slots[row(b)]; });
    };
    std::vector<int32_t> all(rows.count), places(rows.wanted_count), wanted(rows.wanted_count);
    by_slot(all, [](int32_t i) { return i; });
    by_slot(places, [&](int32_t i) { return rows.wanted[i]; });
    for (int64_t i = 0; i < rows.wanted_count; i++) wanted[i] = rows.wanted[places[i]];
    for (int64_t layer = 0; layer < s.layers; layer++) {
      shared(all, [&](const int32_t* own, int64_t count) { project_in(layer, own, count); });
      // Beyond the last layer's keys and values nobody asks for the other rows.
      shared(layer + 1 < s.layers ? all : wanted, [&](const int32_t* own, int64_t count) { mix(layer, own, count); });
    }
    shared(wanted, [&](const int32_t* own, int64_t count) { head(own, count, places.data() + (own - wanted.data())); });
  }

 private:
  struct Layer {
    at::Tensor attention_norm, mlp_norm;
    Matrix products[kProducts];
  };

  // What a thread makes of the rows in hand.
  struct Room {
    T* x = nullptr;         // [rows, widest]
    float* y = nullptr;     // [rows, widest]
    float* scores = nullptr;
    Workspace memory;
  };

  static constexpr int64_t kLargest = 64;  // rows in hand at once: a matrix streams by once for them

  int64_t page_step() const { return s.groups * 2 * kPage * s.width; }

  // Equal shares for the cores.
  template <class F>
  void shared(const std::vector<int32_t>& rows, const F& body) {
    int64_t count = static_cast<int64_t>(rows.size());
    if (count == 0) return;
    int64_t threads = at::get_num_threads(), each = (count + threads - 1) / threads;
    each = std::min(kLargest, each);
    at::parallel_for(0, (count + each - 1) / each, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        int64_t own = std::min(each, count - i * each);
        typename M::Guard guard(own);
        body(rows.data() + i * each, own);
      }
    });
  }

  Room& room() {
    static thread_local Room room;
    int64_t widest = head_.out;
    for (const auto& product : layers_[0].products) widest = std::max({widest, product.out, product.in});
    int64_t pages = (s.context + kPage - 1) / kPage;
    room.memory.reserve(static_cast<size_t>(kLargest * widest) * (sizeof(T) + sizeof(float)) + static_cast<size_t>(pages * kPage) * 8 + 1024);
    room.x = room.memory.template take<T>(kLargest * widest);
    room.y = room.memory.template take<float>(kLargest * widest);
    room.scores = room.memory.template take<float>(2 * pages * kPage);
    return room;
  }

  // y = x W^T, and each row's own adapter.
  void product(int64_t layer, int which, const int32_t* rows, int64_t count, const T* x, float* y) {
    const Matrix& w = layers_[layer].products[which];
    M::product(x, count, w, y);
    typename M::Updates updates(count);
    for (int64_t i = 0, next; i < count; i = next) {
      int32_t slot = r_->slots[rows[i]];
      for (next = i + 1; next < count && next - i < M::kTogether && r_->slots[rows[next]] == slot;) next++;
      if (slot < 0) continue;
      const T* adapter = static_cast<const T*>(r_->adapters) + slot * r_->slot_step;
      for (size_t at : by_product_[layer * kProducts + which]) {
        int64_t entry = slot * static_cast<int64_t>(sites_.size()) + static_cast<int64_t>(at), rank = r_->ranks[entry];
        const ServingSite& site = sites_[at];
        const int64_t* place = r_->places + 2 * entry;
        if (rank == 0) continue;
        updates.add(x + i * w.in, next - i, w.in, adapter + place[0], adapter + place[1], rank, r_->scales[entry], site.width, y + i * w.out + site.offset, w.out);
      }
    }
  }

  // Queries of the rows; keys and values into their pages.
  void project_in(int64_t layer, const int32_t* rows, int64_t count) {
    Room& own = room();
    const Matrix& w = layers_[layer].products[kQueryKeyValue];
    int64_t d = s.dimension(), half = s.width / 2;
    for (int64_t i = 0; i < count; i++) M::norm(x_ + rows[i] * d, data<float>(layers_[layer].attention_norm), d, w.in, s.epsilon, own.x + i * w.in);
    M::clear(own.x, count, w.in);
    product(layer, kQueryKeyValue, rows, count, own.x, own.y);
    for (int64_t i = 0; i < count; i++) {
      int64_t row = rows[i], position = r_->positions[row];
      float *y = own.y + i * w.out, *keys = y + d, *values = keys + s.keys();
      const float *cosine = data<float>(cosine_) + position * half, *sine = data<float>(sine_) + position * half;
      for (int64_t h = 0; h < s.heads + s.groups; h++) M::rotate(y + h * s.width, cosine, sine, half);
      M::narrow_row(y, d, queries_ + row * d);
      T* page = page_of(layer, row, position);
      for (int64_t g = 0; g < s.groups; g++) {
        M::store(keys + g * s.width, values + g * s.width, s.width, position % kPage, page + g * 2 * kPage * s.width);
      }
    }
  }

  // Attention and the block's second half, onto the residual stream.
  void mix(int64_t layer, const int32_t* rows, int64_t count) {
    Room& own = room();
    const Layer& l = layers_[layer];
    int64_t d = s.dimension(), per = s.heads / s.groups;
    const Matrix &output = l.products[kOutput], &both = l.products[kGateUp], &down = l.products[kDown];
    for (int64_t i = 0; i < count; i++) {
      int64_t row = rows[i];
      const int32_t* table = r_->tables + r_->sequences[row] * r_->table_width;
      for (int64_t h = 0; h < s.heads; h++) {
        const T* pages = kept_ + layer * s.pages * page_step() + h / per * 2 * kPage * s.width;
        M::attend(queries_ + row * d + h * s.width, s.width, r_->positions[row], table, pages, page_step(), own.scores, own.x + i * output.in + h * s.width);
      }
    }
    M::clear(own.x, count, output.in);
    product(layer, kOutput, rows, count, own.x, own.y);
    for (int64_t i = 0; i < count; i++) M::add(own.y + i * output.out, d, x_ + rows[i] * d);
    for (int64_t i = 0; i < count; i++) M::norm(x_ + rows[i] * d, data<float>(l.mlp_norm), d, both.in, s.epsilon, own.x + i * both.in);
    M::clear(own.x, count, both.in);
    product(layer, kGateUp, rows, count, own.x, own.y);
    for (int64_t i = 0; i < count; i++) M::swiglu(own.y + i * both.out, s.hidden, down.in, own.x + i * down.in);
    M::clear(own.x, count, down.in);
    product(layer, kDown, rows, count, own.x, own.y);
    for (int64_t i = 0; i < count; i++) M::add(own.y + i * down.out, d, x_ + rows[i] * d);
  }

  // places: of the rows' logits.
  void head(const int32_t* rows, int64_t count, const int32_t* places) {
    Room& own = room();
    int64_t d = s.dimension();
    for (int64_t i = 0; i < count; i++) M::norm(x_ + rows[i] * d, data<float>(final_norm_), d, head_.in, s.epsilon, own.x + i * head_.in);
    M::clear(own.x, count, head_.in);
    M::product(own.x, count, head_, own.y);
    for (int64_t i = 0; i < count; i++) std::memcpy(r_->logits + places[i] * s.vocabulary, own.y + i * head_.out, s.vocabulary * sizeof(float));
  }

  T* page_of(int64_t layer, int64_t row, int64_t position) {
    int64_t page = r_->tables[r_->sequences[row] * r_->table_width + position / kPage];
    return kept_ + (layer * s.pages + page) * page_step();
  }

  ServingShape s;
  std::vector<ServingSite> sites_;
  std::vector<std::vector<size_t>> by_product_;
  std::vector<Layer> layers_;
  at::Tensor embedding_, final_norm_, cosine_, sine_;
  Matrix head_;
  Workspace memory_, pages_, stream_;
  T *kept_ = nullptr, *queries_ = nullptr;
  float* x_ = nullptr;
  const ServingRows* r_ = nullptr;
};

}  // namespace pb
