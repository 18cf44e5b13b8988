shards          = 4
retention_hours = 36
metrics         = ["IteratorAgeMilliseconds", "OutgoingBytes"]
tags            = { team = "mill", stage = "second", owner = "miller" }
key             = null
modes           = { first = "ON_DEMAND", second = "PROVISIONED" }
