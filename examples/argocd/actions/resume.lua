-- The field is taken out rather than set to false, so that the object is again as git has it.
obj.spec.suspend = nil
return obj
