module published

go 1.21
