# The program on the simulated device. It trains: an interrupted run ends with the bits of one that was not, and recorded
# updates with those of others; bfloat16 trains too. It draws what it draws on the CPU.
# -D DUEL=the program -D FOLDER=where to put the runs
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})

# Runs it, and gives what it says; it must not complain.
function(duel said)
  execute_process(COMMAND ${DUEL} ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0 OR NOT err STREQUAL "")
    message(FATAL_ERROR "${ARGN} ended with ${code}: ${out}${err}")
  endif()
  set(${said} "${out}" PARENT_SCOPE)
endfunction()

function(train run)
  duel(out train --preset dcgan-fashion --data-format auto --run ${FOLDER}/${run} --device cuda --batch-size 4 --width 4
       --sample-every 8 ${ARGN})
  if(NOT out MATCHES "computing on cuda, simulated")
    message(FATAL_ERROR "train ${ARGN} was elsewhere: ${out}")
  endif()
endfunction()

function(same a b)
  file(SHA256 ${FOLDER}/${a}/checkpoints/latest.safetensors of_a)
  file(SHA256 ${FOLDER}/${b}/checkpoints/latest.safetensors of_b)
  if(NOT of_a STREQUAL of_b)
    message(FATAL_ERROR "the runs ${a} and ${b} should have ended with the same bits")
  endif()
endfunction()

train(straight --steps 8)
train(interrupted --steps 4)
train(interrupted --steps 8 --restore)
same(straight interrupted)
train(unrecorded --steps 8 --capture off)
same(straight unrecorded)
train(narrow --steps 3 --precision bf16)
if(NOT EXISTS ${FOLDER}/narrow/samples/step-000003.png)
  message(FATAL_ERROR "there is no picture of the run in bfloat16")
endif()

# Pictures of a folder are compared by how far the run's samples lie from them, in hundredths of grey levels; those of
# other noise lie hundreds apart.
set(noise --num-samples 8 --noise-scale 20)
function(distances result pictures)
  duel(out neighbours --run ${FOLDER}/straight --data ${FOLDER}/${pictures} --neighbours 1 ${noise} ${ARGN})
  string(REGEX MATCHALL "[0-9]+\\.[0-9][0-9]  " found "${out}")
  list(LENGTH found length)
  if(NOT length EQUAL 8)
    message(FATAL_ERROR "neighbours in ${pictures} says: ${out}")
  endif()
  string(REGEX REPLACE "[. ]" "" found "${found}")
  set(${result} ${found} PARENT_SCOPE)
endfunction()

# ARGN: where the second samples are drawn.
function(close a b)
  distances(of_a ${a} --device cpu)
  distances(of_b ${b} ${ARGN})
  foreach(x y IN ZIP_LISTS of_a of_b)
    math(EXPR apart "(${x} - ${y}) * (${x} - ${y})")
    if(apart GREATER 100)
      message(FATAL_ERROR "pictures in ${a} and ${b} should be the same: ${of_a} and ${of_b}")
    endif()
  endforeach()
endfunction()

function(draw pictures)
  duel(out sample --run ${FOLDER}/straight --out ${FOLDER}/${pictures} ${noise} ${ARGN})
  file(REMOVE ${FOLDER}/${pictures}/grid.png)
endfunction()

draw(cpu --device cpu)
draw(cuda --device cuda --batch-size 5)
close(cpu cuda --device cpu)
close(cpu cpu --device cuda)
foreach(device IN ITEMS cpu cuda)
  draw(standing-${device} --device ${device} --standing-statistics 2 --batch-size 4)
endforeach()
close(standing-cpu standing-cuda --device cuda --precision fp32)
distances(narrow cpu --device cuda --precision bf16)
if(NOT narrow MATCHES "[1-9]" OR narrow MATCHES "[1-9][0-9][0-9]")
  message(FATAL_ERROR "pictures drawn in bfloat16 should differ by less than a grey level: ${narrow}")
endif()

foreach(vary IN ITEMS z both)
  duel(out interpolate --run ${FOLDER}/straight --rows 2 --steps 1 --vary ${vary} --device cuda --out ${FOLDER}/${vary}.png)
endforeach()

foreach(device IN ITEMS cpu cuda)
  duel(out project ${FOLDER}/cpu/00002-class-2.png --run ${FOLDER}/straight --steps 5 --starts 2 --device ${device})
  string(REGEX MATCH "([0-9]+)\\.([0-9]+) grey levels" found "${out}")
  set(${device} ${CMAKE_MATCH_1}${CMAKE_MATCH_2})
endforeach()
math(EXPR apart "(${cpu} - ${cuda}) * (${cpu} - ${cuda})")
if(apart GREATER 100)
  message(FATAL_ERROR "the projections' errors should be the same: ${cpu} and ${cuda} hundredths of a grey level")
endif()

duel(out train --run ${FOLDER}/restores --device cpu --data /usr/share/datasets/fashion-mnist --max-size 64 --game translate
     --data-mode restoration --model CycleGAN-resnet_6blocks --steps 1 --batch-size 2
     --model-options generator.width=4,generator.blocks=1,generator.dropout=0.5,discriminator.width=4,discriminator.halvings=1)
foreach(device IN ITEMS cpu cuda)
  duel(out translate ${FOLDER}/cpu ${FOLDER}/restored-${device} --run ${FOLDER}/restores --device ${device})
  duel(out translate ${FOLDER}/cpu ${FOLDER}/tiled-${device} --run ${FOLDER}/restores --device ${device} --tile 16
       --mode train)
endforeach()
close(restored-cpu restored-cuda --device cpu)
close(tiled-cpu tiled-cuda --device cpu)
