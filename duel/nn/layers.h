// Every layer.
#pragma once

#include "duel/nn/activation_layers.h"
#include "duel/nn/attention.h"
#include "duel/nn/batch_norm.h"
#include "duel/nn/conv_layers.h"
#include "duel/nn/linear_layers.h"
#include "duel/nn/norm_layers.h"
#include "duel/nn/resample_layers.h"
#include "duel/nn/spectral_norm.h"
#include "duel/nn/style_layers.h"
#include "duel/nn/weight_norm.h"
