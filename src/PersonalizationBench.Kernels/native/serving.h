// One forward step of a frozen Llama over rows of many sequences: see serving.cpp.
#pragma once

#include <memory>
#include <vector>

#include "kernels.h"
#include "view.h"

namespace pb {

// Positions of a page of keys and values.
constexpr int64_t kPage = 16;

// What the server takes, and to what tiles round it up: ranks to 16 to even numbers, above to whole tiles of 32.
constexpr int64_t kMaxRank = 256;
inline int64_t padded_rank(int64_t rank) { return rank <= 16 ? (rank + 1) / 2 * 2 : (rank + 31) / 32 * 32; }

struct ServingShape {
  int64_t layers, heads, groups, width, hidden, vocabulary, context, pages;
  float epsilon;

  int64_t dimension() const { return heads * width; }
  int64_t keys() const { return groups * width; }
};

// A projection that adapters may change: y[offset, offset + width) += scale B (A x) of one product.
struct ServingSite {
  int64_t layer, product, offset, width, in;
};

// Rows of one step; those of one sequence in the order of their positions.
struct ServingRows {
  int64_t count;
  const int32_t *ids, *positions;
  const int32_t* sequences;   // of each row: its line of `tables`
  const int32_t* slots;       // of each row; -1: none
  const int32_t* tables;      // [sequences, table_width]: the pages of a sequence's positions
  int64_t table_width;
  const void* adapters;       // of each slot `slot_step` elements
  int64_t slot_step;
  const int32_t* ranks;       // [slots, sites]; 0: the site is as in the base
  const int64_t* places;      // [slots, sites, 2]: elements from a slot's start to A and to B; where products are f32 [r, in] and
                              // [r, width], else as tiles take them (TileMode::Updates::add)
  const float* scales;        // [slots, sites]
  const int32_t* wanted;      // rows whose logits are wanted
  int64_t wanted_count;
  float* logits;              // [wanted_count, vocabulary], written
};

struct ServingModel {
  virtual ~ServingModel() = default;
  virtual void step(const ServingRows& rows) = 0;
};

// Tensors: embedding; of each layer attention norm, query key value, output, mlp norm, gate up, down; final norm; head; cosine and
// sine [context, width / 2] f32. All are copied.

// bf16 products, where the level has them and the shape fits; else null.
std::unique_ptr<ServingModel> serve_tiles(const ServingShape& shape, const View* tensors, std::vector<ServingSite> sites);

// f32 products.
std::unique_ptr<ServingModel> serve_lanes(const ServingShape& shape, const View* tensors, std::vector<ServingSite> sites);

}  // namespace pb
