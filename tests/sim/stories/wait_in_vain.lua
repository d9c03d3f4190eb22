-- A wait ends in vain while a reader is cut off: what is owed at that moment is in the message.
return {
  name = "wait-in-vain",
  about = "The message of a wait that timed out names the invariants of liveness that do not hold.",
  cluster = { writers = 1, readers = 2 },
  expect = { violates = "liveness" },
  run = function(c)
    c.net:refuse("writer-1")
    c:flush{ files = 2, bytes = "10MiB" }
    c:wait(function() return false end, "50ms", "the moon")
  end,
}
