# The program trains on the simulated device: an interrupted run ends with the bits of one that was not, and recorded
# updates with those of others; bfloat16 trains too. -D DUEL=the program -D FOLDER=where to put the runs
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})

function(train run)
  execute_process(COMMAND ${DUEL} train --preset dcgan-fashion --run ${FOLDER}/${run} --device cuda --batch-size 4 --width 4
                          --sample-every 8 ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0 OR NOT out MATCHES "computing on cuda, simulated")
    message(FATAL_ERROR "train ${ARGN} ended with ${code}: ${out}${err}")
  endif()
  if(NOT err STREQUAL "")
    message(FATAL_ERROR "train ${ARGN} complained: ${err}")
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
