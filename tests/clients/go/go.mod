module dialogue

go 1.21

require github.com/googollee/go-socket.io v1.7.0

require github.com/gorilla/websocket v1.4.2 // indirect
