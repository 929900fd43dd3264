// The steps of a server: one forward pass over rows of many sequences, each at its own place and with its own adapter, keys and values
// in pages (Kwon et al., 2023, arXiv:2309.06180), prompts and single tokens mixed (Yu et al., 2022, "Orca"). Two ways, of one shape:
// serving_tiles.cpp and serving_lanes.cpp.
#include "serving.h"

using namespace pb;

// tensors: as serve_lanes takes them, 6 of each layer and 5, contiguous. shape: layers, heads, key heads, head width, hidden, vocabulary,
// context, pages. sites: of each layer, product, offset, width, in. Gives null where bf16 is wanted and the level or shape does not fit.
PB_KERNEL(serving_create)(const View* tensors, const int64_t* shape, double epsilon, int64_t bf16, const int64_t* sites, int64_t site_count, void** result) {
  return guarded([&] {
    *result = nullptr;
    ServingShape s{shape[0], shape[1], shape[2], shape[3], shape[4], shape[5], shape[6], shape[7], static_cast<float>(epsilon)};
    std::vector<ServingSite> places;
    for (int64_t i = 0; i < site_count; i++, sites += 5) places.push_back({sites[0], sites[1], sites[2], sites[3], sites[4]});
    auto model = bf16 ? serve_tiles(s, tensors, std::move(places)) : serve_lanes(s, tensors, std::move(places));
    *result = model.release();
  });
}

// numbers: rows, tables' width, slot step, wanted rows. arrays: ids, positions, sequences, slots, tables, adapters, ranks, places,
// scales, wanted, logits.
PB_KERNEL(serving_step)(void* model, const int64_t* numbers, void* const* arrays) {
  return guarded([&] {
    ServingRows rows{};
    rows.count = numbers[0];
    rows.table_width = numbers[1];
    rows.slot_step = numbers[2];
    rows.wanted_count = numbers[3];
    rows.ids = static_cast<const int32_t*>(arrays[0]);
    rows.positions = static_cast<const int32_t*>(arrays[1]);
    rows.sequences = static_cast<const int32_t*>(arrays[2]);
    rows.slots = static_cast<const int32_t*>(arrays[3]);
    rows.tables = static_cast<const int32_t*>(arrays[4]);
    rows.adapters = arrays[5];
    rows.ranks = static_cast<const int32_t*>(arrays[6]);
    rows.places = static_cast<const int64_t*>(arrays[7]);
    rows.scales = static_cast<const float*>(arrays[8]);
    rows.wanted = static_cast<const int32_t*>(arrays[9]);
    rows.logits = static_cast<float*>(arrays[10]);
    static_cast<ServingModel*>(model)->step(rows);
  });
}

PB_KERNEL(serving_free)(void* model) {
  delete static_cast<ServingModel*>(model);
  return 0;
}
