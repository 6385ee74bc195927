-- Takes the answers to a question.
local answers = call('LRANGE', KEYS[1], 0, -1)
call('DEL', KEYS[1])
local over = table.remove(answers, 1)
return over and tonumber(over) > now and answers or {}
