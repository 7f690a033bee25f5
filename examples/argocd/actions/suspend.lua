-- Nothing of the organization is changed until it is resumed. Where git writes spec.suspend, suspend it there: a sync would undo this.
obj.spec.suspend = true
return obj
