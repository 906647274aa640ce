/* Open-addressing map from strings to numbers, for names. */
#include "base/base.h"

static uint32_t slot_of(const AxcMap *map, const char *key)
{
	uint64_t h = axc_hash(key, strlen(key));
	uint32_t i = (uint32_t)h & (map->cap - 1);
	while (map->keys[i] && strcmp(map->keys[i], key) != 0)
		i = (i + 1) & (map->cap - 1);
	return i;
}

uint32_t axc_map_get(const AxcMap *map, const char *key)
{
	if (!map->cap)
		return 0;
	return map->values[slot_of(map, key)];
}

static void map_resize(AxcMap *map, AxcArena *arena)
{
	AxcMap old = *map;
	map->cap = old.cap ? old.cap * 2 : 64;
	map->keys = AXC_NEW_ARRAY(arena, const char *, map->cap);
	map->values = AXC_NEW_ARRAY(arena, uint32_t, map->cap);
	for (uint32_t i = 0; i < old.cap; i++) {
		if (!old.keys[i])
			continue;
		uint32_t s = slot_of(map, old.keys[i]);
		map->keys[s] = old.keys[i];
		map->values[s] = old.values[i];
	}
}

void axc_map_put(AxcMap *map, AxcArena *arena, const char *key, uint32_t value)
{
	map->arena = arena;
	if (map->n * 2 >= map->cap)
		map_resize(map, arena);
	uint32_t s = slot_of(map, key);
	if (!map->keys[s]) {
		map->keys[s] = key;
		map->n++;
	}
	map->values[s] = value;
}

uint64_t axc_hash(const void *data, size_t bytes)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325u ^ bytes;
	while (bytes >= 8) {
		uint64_t w = 0;
		for (int i = 0; i < 8; i++)
			w |= (uint64_t)p[i] << (8 * i);
		h = (h ^ w) * 0x100000001b3u;
		h ^= h >> 29;
		p += 8;
		bytes -= 8;
	}
	while (bytes--)
		h = (h ^ *p++) * 0x100000001b3u;
	h ^= h >> 33;
	h *= 0xff51afd7ed558ccdu;
	h ^= h >> 33;
	return h;
}
