// Basic types and arithmetic that kernel, user programs and host tools share.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t physaddr_t;	// host-physical address
typedef int32_t envid_t;	// see inc/env.h
#ifndef HOST_TOOL		// compiled for the development machine
typedef int64_t ssize_t;
typedef int64_t off_t;
#endif

#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

// n must be a power of two.
#define ROUNDDOWN(a, n)	((a) & ~((__typeof__(a))(n) - 1))
#define ROUNDUP(a, n)	ROUNDDOWN((a) + ((__typeof__(a))(n) - 1), n)
