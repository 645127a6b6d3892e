<?php
        $client = new SoapClient( 'http://itorrents.org/api/torrage.wsdl' );
        $infoHash = $client->cacheTorrent( base64_encode( file_get_contents( 'my.torrent' ) ) );

// The documented example ends here.
echo $infoHash;
