// Every operation on variables.
#pragma once

#include "duel/autograd/conv2d.h"
#include "duel/autograd/dropout.h"
#include "duel/autograd/embedding.h"
#include "duel/autograd/grad.h"
#include "duel/autograd/matmul.h"
#include "duel/autograd/norm.h"
#include "duel/autograd/pointwise.h"
#include "duel/autograd/reduce.h"
#include "duel/autograd/shape_ops.h"
