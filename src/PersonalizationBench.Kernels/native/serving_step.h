// The way through a step, whatever the type of the products. A row's numbers do not depend on the rows beside it, nor on how a prompt
// was cut into steps or shared out to threads: every sum runs over the row's own operands in one order. Included by serving_tiles.cpp
// and serving_lanes.cpp.
#pragma once

#include <algorithm>
#include <numeric>

#include "serving.h"
#include "serving_memory.h"
#include "serving_team.h"

namespace pb {

// M has, for its element type T and its Matrix:
//   Guard                                        what a thread needs while it multiplies rows, made of their number
//   product(x, rows, matrix, begin, end, y)      y [rows, out] = x [rows, in] W^T, f32, of the columns from begin to end, whole units of
//                                                kUnit; widths padded as the matrix is
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

  ServingStep(const ServingShape& shape, const View* tensors, std::vector<ServingSite> sites)
      : s(shape), sites_(std::move(sites)), pages_(static_cast<size_t>(shape.pages * shape.layers * 2 * kPage * shape.keys()) * sizeof(T)) {
    size_t count = 6 * static_cast<size_t>(s.layers) + 5, bytes = 0;
    for (size_t i = 0; i < count; i++) bytes += static_cast<size_t>(tensors[i].numel()) * sizeof(float) + 64 + (tensors[i].dims == 2 ? Matrix::bytes(tensors[i]) : 0);
    memory_.reserve(bytes);
    embedding_ = kept<T>(tensors[0]);
    layers_.resize(static_cast<size_t>(s.layers));
    for (size_t i = 0; i < layers_.size(); i++) {
      const View* of = &tensors[1 + 6 * i];
      Layer& layer = layers_[i];
      layer.attention_norm = kept<float>(of[0]);
      layer.mlp_norm = kept<float>(of[3]);
      for (int product = 0; product < kProducts; product++) layer.products[product].pack(of[product < 2 ? product + 1 : product + 2], memory_);
    }
    const View* last = tensors + count - 4;
    final_norm_ = kept<float>(last[0]);
    head_.pack(last[1], memory_);
    cosine_ = kept<float>(last[2]);
    sine_ = kept<float>(last[3]);
    by_product_.resize(layers_.size() * kProducts);
    for (size_t i = 0; i < sites_.size(); i++) by_product_[static_cast<size_t>(sites_[i].layer * kProducts + sites_[i].product)].push_back(i);
    weights_ = head_.out * head_.in;
    for (const Layer& layer : layers_) {
      for (const Matrix& product : layer.products) weights_ += product.out * product.in;
    }
  }

  void step(const ServingRows& rows) override {
    r_ = &rows;
    int64_t d = s.dimension();
    stream_.reserve(static_cast<size_t>(rows.count * d) * (sizeof(float) + sizeof(T)) + 256);
    x_ = stream_.template take<float>(rows.count * d);
    queries_ = stream_.template take<T>(rows.count * d);
    for (int64_t i = 0; i < rows.count; i++) {
      for (int64_t c = 0; c < d; c++) x_[i * d + c] = widen(embedding_[rows.ids[i] * d + c]);
    }
    // Rows of one adapter side by side: they share a product.
    auto by_slot = [&](std::vector<int32_t>& of, const auto& row) {
      std::iota(of.begin(), of.end(), 0);
      std::stable_sort(of.begin(), of.end(), [&](int32_t a, int32_t b) { return rows.slots[row(a)] < rows.slots[row(b)]; });
    };
    std::vector<int32_t> all(static_cast<size_t>(rows.count)), places(static_cast<size_t>(rows.wanted_count)), wanted(places.size());
    by_slot(all, [](int32_t i) { return i; });
    by_slot(places, [&](int32_t i) { return rows.wanted[i]; });
    for (size_t i = 0; i < wanted.size(); i++) wanted[i] = rows.wanted[places[i]];
    int most = threads_for(rows.count);
    make_rooms(most, std::min(kLargest, rows.count));
    meeting_.open();
#pragma omp parallel num_threads(most) if (most > 1)
    {
      Team everyone{omp_get_num_threads(), omp_get_thread_num(), &meeting_};
      flush_denormals();
      run(everyone, all, wanted, places);
    }
  }

 private:
  struct Layer {
    const float *attention_norm = nullptr, *mlp_norm = nullptr;
    Matrix products[kProducts];
  };

  // What is made of the rows in hand. Two places for what a product reads: while one thread writes the next one's, another may still
  // read.
  struct Room {
    T* x[2] = {};           // [rows, widest]
    float* y = nullptr;     // [rows, widest]
    float* scores = nullptr;
    Workspace memory;
  };

  // Rows in hand, and who works on them.
  struct Chunk {
    const int32_t* rows;
    int64_t count;
    Room* room;
    float* scores;  // of this thread
    Team team;
  };

  static constexpr int64_t kLargest = 64;  // rows in hand at once: a matrix streams by once for them
  static constexpr int64_t kAlone = 8;     // a thread that has so many works on them alone, else all threads share the columns
  static constexpr int64_t kWorth = 16 << 20;  // multiplications that are worth waking another thread for

  int64_t page_step() const { return s.layers * layer_step(); }
  int64_t layer_step() const { return s.groups * 2 * kPage * s.width; }

  // A copy in the memory of the weights.
  template <class U>
  const U* kept(const View& view) {
    U* to = memory_.template take<U>(view.numel());
    by_type(view, [&](auto kind) {
      const auto* from = data<decltype(kind)>(view);
      for (int64_t i = 0; i < view.numel(); i++) narrow(widen(from[i]), &to[i]);
    });
    return to;
  }

  int threads_for(int64_t count) const {
    int64_t most = threads_wanted && !omp_in_parallel() ? threads_wanted() : 1;
    return static_cast<int>(std::clamp<int64_t>(count * weights_ / kWorth, 1, std::max<int64_t>(1, most)));
  }

  void make_rooms(int threads, int64_t rows) {
    if (rooms_.size() < static_cast<size_t>(threads)) rooms_ = std::vector<Room>(static_cast<size_t>(threads));
    int64_t widest = head_.out, pages = (s.context + kPage - 1) / kPage;
    for (const auto& product : layers_[0].products) widest = std::max({widest, product.out, product.in});
    rows = (rows + 15) / 16 * 16;
    for (Room& room : rooms_) {
      room.memory.reserve(static_cast<size_t>(rows * widest) * (2 * sizeof(T) + sizeof(float)) + static_cast<size_t>(pages * kPage) * 8 + 1024);
      room.x[0] = room.memory.template take<T>(rows * widest);
      room.x[1] = room.memory.template take<T>(rows * widest);
      room.y = room.memory.template take<float>(rows * widest);
      room.scores = room.memory.template take<float>(2 * pages * kPage);
    }
  }

  // What every thread does.
  void run(const Team& everyone, const std::vector<int32_t>& all, const std::vector<int32_t>& wanted, const std::vector<int32_t>& places) {
    for (int64_t layer = 0; layer < s.layers; layer++) {
      chunks(everyone, all, [&](const Chunk& chunk) { project_in(layer, chunk); });
      // A row looks at keys and values that another thread may have made.
      everyone.wait();
      // Beyond the last layer's keys and values nobody asks for the other rows.
      chunks(everyone, layer + 1 < s.layers ? all : wanted, [&](const Chunk& chunk) { mix(layer, chunk); });
    }
    chunks(everyone, wanted, [&](const Chunk& chunk) { head(chunk, places.data() + (chunk.rows - wanted.data())); });
  }

  // Many rows: each thread takes its own, the same ones every time. Few: all threads take the same, no more than one chunk of them.
  template <class F>
  void chunks(const Team& everyone, const std::vector<int32_t>& rows, const F& body) {
    int64_t count = static_cast<int64_t>(rows.size());
    Room& own = rooms_[static_cast<size_t>(everyone.index)];
    bool alone = everyone.size == 1 || count >= std::min(kAlone * everyone.size, kLargest);
    Share share = alone ? everyone.of(count) : Share{0, count};
    Team team = alone ? Team{1, 0, &meeting_} : everyone;
    for (int64_t at = share.begin; at < share.end; at += kLargest) {
      int64_t together = std::min(kLargest, share.end - at);
      typename M::Guard guard(together);
      body(Chunk{rows.data() + at, together, alone ? &own : &rooms_[0], own.scores, team});
    }
  }

  // y = x W^T, and each row's own adapter. Where it ends, a thread has finished the rows that are its share.
  void product(int64_t layer, int which, const Chunk& c, const T* x) {
    const Matrix& w = layers_[static_cast<size_t>(layer)].products[which];
    float* y = c.room->y;
    multiply_share(c, w, x);
    typename M::Updates updates(c.count);
    Share own = c.team.of(c.count);
    for (int64_t i = own.begin, next; i < own.end; i = next) {
      int32_t slot = r_->slots[c.rows[i]];
      for (next = i + 1; next < own.end && next - i < M::kTogether && r_->slots[c.rows[next]] == slot;) next++;
      if (slot < 0) continue;
      const T* adapter = static_cast<const T*>(r_->adapters) + slot * r_->slot_step;
      for (size_t at : by_product_[static_cast<size_t>(layer * kProducts + which)]) {
        int64_t entry = slot * static_cast<int64_t>(sites_.size()) + static_cast<int64_t>(at), rank = r_->ranks[entry];
        const ServingSite& site = sites_[at];
        const int64_t* place = r_->places + 2 * entry;
        if (rank == 0) continue;
        updates.add(x + i * w.in, next - i, w.in, adapter + place[0], adapter + place[1], rank, r_->scales[entry], site.width, y + i * w.out + site.offset, w.out);
      }
    }
  }

  // Each thread its columns, of all rows.
  void multiply_share(const Chunk& c, const Matrix& w, const T* x) {
    c.team.wait();
    Share columns = c.team.of(w.out, M::kUnit);
    if (columns.begin < columns.end) M::product(x, c.count, w, columns.begin, columns.end, c.room->y);
    c.team.wait();
  }

  // The norm of this thread's rows.
  void norm(const Chunk& c, const float* weight, int64_t padded, T* x) {
    int64_t d = s.dimension();
    Share own = c.team.of(c.count);
    for (int64_t i = own.begin; i < own.end; i++) M::norm(x_ + c.rows[i] * d, weight, d, padded, s.epsilon, x + i * padded);
    clear(c, x, padded);
  }

  void clear(const Chunk& c, T* x, int64_t width) {
    if (c.team.index == 0) M::clear(x, c.count, width);
  }

  // Queries of the rows; keys and values into their pages.
  void project_in(int64_t layer, const Chunk& c) {
    const Layer& l = layers_[static_cast<size_t>(layer)];
    const Matrix& w = l.products[kQueryKeyValue];
    int64_t d = s.dimension(), half = s.width / 2;
    T* x = c.room->x[1];
    norm(c, l.attention_norm, w.in, x);
    product(layer, kQueryKeyValue, c, x);
    Share own = c.team.of(c.count);
    for (int64_t i = own.begin; i < own.end; i++) {
      int64_t row = c.rows[i], position = r_->positions[row];
      float *y = c.room->y + i * w.out, *keys = y + d, *values = keys + s.keys();
      const float *cosine = cosine_ + position * half, *sine = sine_ + position * half;
      for (int64_t h = 0; h < s.heads + s.groups; h++) M::rotate(y + h * s.width, cosine, sine, half);
      M::narrow_row(y, d, queries_ + row * d);
      T* page = page_of(layer, row, position);
      for (int64_t g = 0; g < s.groups; g++) {
        M::store(keys + g * s.width, values + g * s.width, s.width, position % kPage, page + g * 2 * kPage * s.width);
      }
    }
  }

  // Attention and the block's second half, onto the residual stream.
  void mix(int64_t layer, const Chunk& c) {
    const Layer& l = layers_[static_cast<size_t>(layer)];
    const Matrix &output = l.products[kOutput], &both = l.products[kGateUp], &down = l.products[kDown];
    int64_t d = s.dimension(), per = s.heads / s.groups;
    T *x = c.room->x[0], *normed = c.room->x[1];
    Share own = c.team.of(c.count), looks = c.team.of(c.count * s.heads);
    for (int64_t look = looks.begin; look < looks.end; look++) {
      int64_t i = look / s.heads, h = look % s.heads, row = c.rows[i];
      const int32_t* table = r_->tables + r_->sequences[row] * r_->table_width;
      const T* pages = pages_.template at<T>() + layer * layer_step() + h / per * 2 * kPage * s.width;
      M::attend(queries_ + row * d + h * s.width, s.width, r_->positions[row], table, pages, page_step(), c.scores, x + i * output.in + h * s.width);
    }
    clear(c, x, output.in);
    product(layer, kOutput, c, x);
    for (int64_t i = own.begin; i < own.end; i++) M::add(c.room->y + i * output.out, d, x_ + c.rows[i] * d);
    norm(c, l.mlp_norm, both.in, normed);
    product(layer, kGateUp, c, normed);
    for (int64_t i = own.begin; i < own.end; i++) M::swiglu(c.room->y + i * both.out, s.hidden, down.in, x + i * down.in);
    clear(c, x, down.in);
    product(layer, kDown, c, x);
    for (int64_t i = own.begin; i < own.end; i++) M::add(c.room->y + i * down.out, d, x_ + c.rows[i] * d);
  }

  // places: of the rows' logits.
  void head(const Chunk& c, const int32_t* places) {
    T* x = c.room->x[1];
    norm(c, final_norm_, head_.in, x);
    multiply_share(c, head_, x);
    Share own = c.team.of(c.count);
    for (int64_t i = own.begin; i < own.end; i++) {
      std::memcpy(r_->logits + places[i] * s.vocabulary, c.room->y + i * head_.out, static_cast<size_t>(s.vocabulary) * sizeof(float));
    }
  }

  T* page_of(int64_t layer, int64_t row, int64_t position) {
    int64_t page = r_->tables[r_->sequences[row] * r_->table_width + position / kPage];
    return pages_.template at<T>() + page * page_step() + layer * layer_step();
  }

  ServingShape s;
  std::vector<ServingSite> sites_;
  std::vector<std::vector<size_t>> by_product_;
  std::vector<Layer> layers_;
  std::vector<Room> rooms_;
  Matrix head_;
  Workspace memory_, stream_;
  PageMemory pages_;
  MeetingPoint meeting_;
  int64_t weights_ = 0;
  const T* embedding_ = nullptr;
  const float *final_norm_ = nullptr, *cosine_ = nullptr, *sine_ = nullptr;
  T* queries_ = nullptr;
  float* x_ = nullptr;
  const ServingRows* r_ = nullptr;
};

}  // namespace pb
