module closeaccessrequests

go 1.19
